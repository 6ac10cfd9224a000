//! I-JSON (RFC 7493), checked without being built: syntax, depth, number of nodes, duplicate
//! names, numbers that a double cannot hold, characters that are none.

use std::collections::HashSet;
use std::fmt;

/// The largest integer that every reader of JSON takes for what it is.
const LARGEST_INTEGER: u64 = (1 << 53) - 1;

/// What is left to spend on one or several documents.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    depth: u32,
    nodes: u32,
    nodes_allowed: u32,
}

impl Budget {
    pub(crate) fn new(depth: u32, nodes: u32) -> Budget {
        Budget {
            depth,
            nodes,
            nodes_allowed: nodes,
        }
    }

    /// Takes one node: a value, a name, or an item of a list beside the JSON.
    pub(crate) fn spend(&mut self) -> Result<(), String> {
        self.nodes = self
            .nodes
            .checked_sub(1)
            .ok_or_else(|| format!("more than {} values and names", self.nodes_allowed))?;
        Ok(())
    }
}

/// How a document breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) rule: &'static str,
    pub(crate) at: usize,
    pub(crate) message: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at byte {}", self.message, self.at)
    }
}

/// Checks that `text` is one I-JSON document.
pub(crate) fn check_document(text: &str, budget: &mut Budget) -> Result<(), Broken> {
    let mut scanner = Scanner {
        text,
        bytes: text.as_bytes(),
        at: 0,
        budget,
    };
    scanner.space();
    scanner.value(0)?;
    scanner.space();
    if scanner.at < scanner.bytes.len() {
        return Err(scanner.syntax("the end was expected"));
    }
    Ok(())
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    budget: &'a mut Budget,
}

impl<'a> Scanner<'a> {
    fn broken(&self, rule: &'static str, message: impl Into<String>) -> Broken {
        Broken {
            rule,
            at: self.at,
            message: message.into(),
        }
    }

    fn syntax(&self, expected: &str) -> Broken {
        let found = match self
            .text
            .get(self.at..)
            .and_then(|rest| rest.chars().next())
        {
            Some(found) => format!("{found:?}"),
            None => "the end".to_owned(),
        };
        self.broken("json-syntax", format!("{expected}, and {found} was found"))
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn spend(&mut self) -> Result<(), Broken> {
        self.budget
            .spend()
            .map_err(|message| self.broken("json-nodes", message))
    }

    /// Recursion is bounded by the depth that the budget allows.
    fn value(&mut self, depth: u32) -> Result<(), Broken> {
        self.spend()?;
        match self.peek() {
            Some(b'{') => self.object(self.deeper(depth)?),
            Some(b'[') => self.array(self.deeper(depth)?),
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => Err(self.syntax("a value was expected")),
        }
    }

    fn deeper(&self, depth: u32) -> Result<u32, Broken> {
        if depth >= self.budget.depth {
            let message = format!("nested more than {} deep", self.budget.depth);
            return Err(self.broken("json-depth", message));
        }
        Ok(depth + 1)
    }

    fn word(&mut self, word: &str) -> Result<(), Broken> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.syntax("a value was expected"))
    }

    fn object(&mut self, depth: u32) -> Result<(), Broken> {
        self.at += 1;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        let mut names = HashSet::new();
        loop {
            self.name(&mut names)?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.syntax("`:` was expected"));
            }
            self.at += 1;
            self.space();
            self.value(depth)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.syntax("`,` or `}` was expected")),
            }
            self.space();
        }
    }

    fn name(&mut self, names: &mut HashSet<String>) -> Result<(), Broken> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax("a name in quotation marks was expected"));
        }
        self.spend()?;
        let start = self.at;
        let name = self.string()?;
        if names.contains(&name) {
            let shown: String = name.chars().take(40).collect();
            let message = format!("the name {shown:?} comes twice in one object");
            return Err(Broken {
                rule: "json-duplicate-name",
                at: start,
                message,
            });
        }
        names.insert(name);
        Ok(())
    }

    fn array(&mut self, depth: u32) -> Result<(), Broken> {
        self.at += 1;
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(depth)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.syntax("`,` or `]` was expected")),
            }
            self.space();
        }
    }

    /// Reads a string and gives it without its escapes.
    fn string(&mut self) -> Result<String, Broken> {
        self.at += 1;
        let mut value = String::new();
        loop {
            let start = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            let plain = &self.text[start..self.at];
            if let Some(odd) = plain.chars().find(|character| is_noncharacter(*character)) {
                return Err(self.noncharacter(odd));
            }
            value.push_str(plain);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(value);
                }
                Some(b'\\') => value.push(self.escape()?),
                Some(_) => return Err(self.syntax("control characters must be escaped")),
                None => return Err(self.syntax("a closing quotation mark was expected")),
            }
        }
    }

    fn noncharacter(&self, odd: char) -> Broken {
        self.broken(
            "json-characters",
            format!("U+{:04X} is no character", u32::from(odd)),
        )
    }

    fn escape(&mut self) -> Result<char, Broken> {
        self.at += 1;
        let escaped = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.syntax("an escape was expected")),
        };
        self.at += 1;
        Ok(escaped)
    }

    fn unicode_escape(&mut self) -> Result<char, Broken> {
        let first = self.code_unit()?;
        let code = match first {
            0xd800..=0xdbff if self.bytes[self.at..].starts_with(b"\\u") => {
                self.at += 1;
                let second = self.code_unit()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(self.broken("json-characters", "half of a surrogate pair"));
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            0xd800..=0xdfff => {
                return Err(self.broken("json-characters", "half of a surrogate pair"));
            }
            code => code,
        };
        match char::from_u32(code) {
            Some(odd) if is_noncharacter(odd) => Err(self.noncharacter(odd)),
            Some(character) => Ok(character),
            None => Err(self.broken("json-characters", "an escape that is no character")),
        }
    }

    /// Four hexadecimal digits behind the `u` that the scanner stands on.
    fn code_unit(&mut self) -> Result<u32, Broken> {
        self.at += 1;
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.syntax("a hexadecimal digit was expected"));
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn digits(&mut self) -> Result<(), Broken> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.syntax("a digit was expected"));
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Broken> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.at;
        self.digits()?;
        if leading_zero && self.at > whole + 1 {
            self.at = whole + 1;
            return Err(self.syntax("a number has no leading zero"));
        }
        let mut integer = true;
        if self.peek() == Some(b'.') {
            integer = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            integer = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        if self.number_fits(start, whole, integer) {
            return Ok(());
        }
        let message = if integer {
            format!("an integer beyond ±{LARGEST_INTEGER}; larger ones are written as strings")
        } else {
            "a number that no double holds".to_owned()
        };
        Err(Broken {
            rule: "json-number",
            at: start,
            message,
        })
    }

    fn number_fits(&self, start: usize, whole: usize, integer: bool) -> bool {
        if integer {
            let digits = &self.text[whole..self.at];
            return digits
                .parse::<u64>()
                .is_ok_and(|size| size <= LARGEST_INTEGER);
        }
        self.text[start..self.at]
            .parse::<f64>()
            .is_ok_and(f64::is_finite)
    }
}

/// Code points that Unicode keeps for no character at all; RFC 7493 bars them.
fn is_noncharacter(character: char) -> bool {
    let code = u32::from(character);
    code & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&code)
}

#[cfg(test)]
#[path = "ijson_tests.rs"]
mod tests;
