//! Where a request goes: a strict reading of its address, which is the only one there is. What is
//! matched against the grant, resolved, connected to and sent as `host` are all made of this.

use std::fmt;
use std::net::Ipv6Addr;

/// Bytes of an address.
const LONGEST: usize = 8_192;

/// Characters that may stand in a path or a query beside letters and digits (RFC 3986, 3.3 and 3.4).
const WITHIN_PATH: &[u8] = b"-._~!$&'()*+,;=:@/%";

/// How a server is talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In the open.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// The port where nothing else is said.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        })
    }
}

/// A server and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) scheme: Scheme,
    /// In lower case; an IPv6 address stands in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Begins with `/`, and has no segment that a server would take away.
    pub(crate) path: String,
    /// What follows the first `?`.
    pub(crate) query: Option<String>,
}

impl Target {
    /// Reads an absolute address.
    pub(crate) fn parse(url: &str) -> Result<Target, String> {
        if url.len() > LONGEST {
            return Err(format!("the address has more than {LONGEST} bytes"));
        }
        let (scheme, rest) = url
            .split_once("://")
            .ok_or("the address does not begin with http:// or https://")?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err("the address does not begin with http:// or https://".to_owned()),
        };
        let rest = rest.split('#').next().unwrap_or(rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, asked) = rest.split_at(end);
        let (host, port) = server(authority, scheme)?;
        let (path, query) = match asked.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (asked, None),
        };
        let path = if path.is_empty() { "/" } else { path };
        check_characters(path, WITHIN_PATH)?;
        check_segments(path)?;
        if let Some(query) = &query {
            check_characters(query, &[WITHIN_PATH, b"?"].concat())?;
        }
        Ok(Target {
            scheme,
            host,
            port,
            path: path.to_owned(),
            query,
        })
    }

    /// Where a redirect from here leads.
    pub(crate) fn follow(&self, location: &str) -> Result<Target, String> {
        let root = || format!("{}://{}", self.scheme, self.authority());
        let absolute = if location.contains("://") {
            location.to_owned()
        } else if let Some(rest) = location.strip_prefix("//") {
            format!("{}://{rest}", self.scheme)
        } else if location.starts_with('/') {
            format!("{}{location}", root())
        } else if location.starts_with('?') {
            format!("{}{}{location}", root(), self.path)
        } else {
            let folder = self.path.rfind('/').map_or("/", |end| &self.path[..=end]);
            format!("{}{folder}{location}", root())
        };
        Target::parse(&absolute)
    }

    /// As it stands in the `host` header: without the port that goes without saying.
    pub(crate) fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            return self.host.clone();
        }
        format!("{}:{}", self.host, self.port)
    }

    /// As it stands in the request's first line.
    pub(crate) fn path_and_query(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// Whether both are one server: then what was meant for one may be sent to the other.
    pub(crate) fn same_server(&self, other: &Target) -> bool {
        (self.scheme, &self.host, self.port) == (other.scheme, &other.host, other.port)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (authority, asked) = (self.authority(), self.path_and_query());
        write!(out, "{}://{authority}{asked}", self.scheme)
    }
}

fn server(authority: &str, scheme: Scheme) -> Result<(String, u16), String> {
    if authority.contains('@') {
        return Err("the address holds a user or a password".to_owned());
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or("a `[` has no `]`")?;
            let address: Ipv6Addr = address
                .parse()
                .map_err(|_| "what stands in brackets is no IPv6 address")?;
            let port = match port.strip_prefix(':') {
                None if port.is_empty() => None,
                None => return Err("after `]` a `:` and a port were expected".to_owned()),
                Some(port) => Some(port),
            };
            (format!("[{address}]"), port)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (name(host)?, Some(port)),
            None => (name(authority)?, None),
        },
    };
    let Some(port) = port else {
        return Ok((host, scheme.default_port()));
    };
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(number) if digits && number > 0 => Ok((host, number)),
        _ => Err("the port is no number from 1 to 65535".to_owned()),
    }
}

/// A host's name in lower case.
fn name(host: &str) -> Result<String, String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let whole = !host.is_empty() && host.len() <= 253 && !host.starts_with('.');
    if whole && host.bytes().all(good) {
        return Ok(host.to_ascii_lowercase());
    }
    Err("the host's name is not made of letters, digits, `-`, `.` and `_`".to_owned())
}

fn check_characters(text: &str, allowed: &[u8]) -> Result<(), String> {
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if !(byte.is_ascii_alphanumeric() || allowed.contains(&byte)) {
            let shown = char::from(byte).escape_default();
            return Err(format!(
                "`{shown}` in the address has to be written with a %"
            ));
        }
        if byte == b'%' {
            let digit = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
            if !(digit(rest.next()) && digit(rest.next())) {
                return Err("a % in the address is not followed by two digits".to_owned());
            }
        }
    }
    Ok(())
}

/// Servers differ in what they make of dots and hidden slashes: what the grant is asked about must
/// be what the server understands, so there are none.
fn check_segments(path: &str) -> Result<(), String> {
    let plain = path.to_ascii_lowercase().replace("%2e", ".");
    if plain
        .split('/')
        .any(|segment| segment == "." || segment == "..")
    {
        return Err("the path has a segment `.` or `..`".to_owned());
    }
    for hidden in ["%2f", "%5c", "%00"] {
        if plain.contains(hidden) {
            return Err(format!("the path holds `{hidden}`"));
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::Target;

    #[test]
    fn an_address_is_read_one_way() {
        for (url, expected) in [
            ("http://a.example", "http://a.example/"),
            ("HTTPS://A.Example:443/x#y", "https://a.example/x"),
            ("http://a.example:81?q=/../", "http://a.example:81/?q=/../"),
            ("http://[::1]:80/", "http://[::1]/"),
            ("http://127.1/", "http://127.1/"),
        ] {
            assert_eq!(Target::parse(url).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn what_two_readers_might_read_differently_is_refused() {
        for url in [
            "",
            "a.example/x",
            "ftp://a.example/",
            "http://user@a.example/",
            "http://user:pass@a.example/",
            "http://a.example:0/",
            "http://a.example:+80/",
            "http://a.example:65536/",
            "http://a.example:/",
            "http://[::1/",
            "http://[::1]x/",
            "http://[a.example]/",
            "http:///x",
            "http://.a/",
            "http://a.example\\@b.example/",
            "http://a.example/\\..\\x",
            "http://a.example/x y",
            "http://a.example/x\r\nhost: b",
            "http://a.example/a/../b",
            "http://a.example/a/%2E%2e/b",
            "http://a.example/a/./b",
            "http://a.example/a%2fb",
            "http://a.example/a%5Cb",
            "http://a.example/a%00",
            "http://a.example/%zz",
            "http://a.example/%2",
            "http://\u{e9}.example/",
        ] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_redirect_is_taken_from_where_it_was_met() {
        let from = Target::parse("http://a.example:81/x/y?z").unwrap();
        for (location, expected) in [
            ("http://b.example/", "http://b.example/"),
            ("//b.example/c", "http://b.example/c"),
            ("/c", "http://a.example:81/c"),
            ("c", "http://a.example:81/x/c"),
            ("?c", "http://a.example:81/x/y?c"),
        ] {
            assert_eq!(from.follow(location).unwrap().to_string(), expected);
        }
        assert!(from.follow("../c").is_err());
    }
}
