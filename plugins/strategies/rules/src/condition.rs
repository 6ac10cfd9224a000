//! Conditions in CEL: parsing within limits, what they speak of, and where they are wrong.
//!
//! The Pratt parser of the `cel` crate is used and not its first one, which deserializes a grammar at
//! every start: a strategy is a fresh instance at every decision.

use std::collections::BTreeMap;

use cel::common::ast::{EntryExpr, Expr};
use cel::parser::{Expression, PrattParser};
use cel::{Context, ExecutionError, Value};

use crate::wanted::Wanted;

/// The longest condition, in bytes.
pub(crate) const MAX_BYTES: usize = 2_000;
/// The most operators and brackets: bounds every recursion over an expression, that of its parser too.
pub(crate) const MAX_OPERATORS: usize = 150;
/// The deepest nesting of an expression.
pub(crate) const MAX_DEPTH: usize = 32;
/// The most conditional operators: their parser recurses without a limit of its own.
const MAX_CONDITIONALS: usize = 16;

/// What a condition may speak of.
pub(crate) const VARIABLES: [&str; 14] = [
    "agents",
    "artifact",
    "current_step",
    "decision",
    "environment",
    "error",
    "error_rate",
    "retry_count",
    "state",
    "step_duration_ms",
    "steps",
    "steps_left",
    "task",
    "trigger",
];

/// Functions of the language, as an expression calls them, operators left out.
const FUNCTIONS: [&str; 13] = [
    "bool",
    "bytes",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "int",
    "size",
    "startsWith",
    "string",
    "type",
    "uint",
    "has",
];

/// One place where a condition is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// In bytes from the start of the condition.
    pub(crate) offset: usize,
    pub(crate) message: String,
}

/// A condition that can be evaluated.
#[derive(Debug)]
pub(crate) struct Condition {
    text: String,
    expression: Expression,
    /// Of each variable that it speaks of, what it needs.
    pub(crate) wanted: BTreeMap<String, Wanted>,
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// Every place where it is wrong: over a limit, no CEL, unknown names.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        check_size(text)?;
        let parser =
            PrattParser::new().max_recursion_depth(u16::try_from(MAX_DEPTH).unwrap_or(u16::MAX));
        let expression = parser.parse(text).map_err(|errors| {
            let mistakes = errors.errors.iter().map(|error| Mistake {
                offset: offset_of(text, error.pos),
                message: error.msg.trim_start_matches("Syntax error: ").to_owned(),
            });
            mistakes.collect::<Vec<_>>()
        })?;
        let mut walk = Walk {
            text,
            wanted: BTreeMap::new(),
            mistakes: Vec::new(),
        };
        walk.expression(&expression);
        if !walk.mistakes.is_empty() {
            walk.mistakes.sort_by_key(|mistake| mistake.offset);
            walk.mistakes.dedup();
            return Err(walk.mistakes);
        }
        let wanted = walk.wanted;
        Ok(Self {
            text: text.to_owned(),
            expression,
            wanted,
        })
    }

    /// Whether the condition holds.
    ///
    /// # Errors
    /// The evaluation failed, or its result is no boolean; the place is that of the name or operator at
    /// fault, or the beginning where none can be told.
    pub(crate) fn holds(&self, context: &Context<'_, '_>) -> Result<bool, Mistake> {
        match Value::resolve(&self.expression, context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(Mistake {
                offset: 0,
                message: format!(
                    "its value is of type {}; expected true or false",
                    type_name(&other)
                ),
            }),
            Err(error) => Err(self.mistake(&error)),
        }
    }

    fn mistake(&self, error: &ExecutionError) -> Mistake {
        let (name, message) = match error {
            ExecutionError::NoSuchKey(key) => (
                key.to_string(),
                format!("there is no `{key}` here; ask with `has(….{key})` first"),
            ),
            ExecutionError::UndeclaredReference(name) => {
                (name.to_string(), format!("unknown name `{name}`"))
            }
            ExecutionError::NoSuchOverload(overload) => {
                let types = overload.argument_types().join(" and ");
                let function = overload.function().replace('_', "");
                let message = match function.as_str() {
                    "." => format!("a field is asked of what has none ({types})"),
                    name => format!("`{name}` does not go with {types}"),
                };
                (function, message)
            }
            other => (String::new(), other.to_string()),
        };
        Mistake {
            offset: find(&self.text, &name).unwrap_or(0),
            message,
        }
    }

    /// Counts characters for people, from 1.
    pub(crate) fn column(&self, offset: usize) -> usize {
        1 + self
            .text
            .get(..offset)
            .map_or(0, |before| before.chars().count())
    }
}

fn check_size(text: &str) -> Result<(), Vec<Mistake>> {
    let refuse = |message: String| Err(vec![Mistake { offset: 0, message }]);
    if text.trim().is_empty() {
        return refuse("the condition is empty".to_owned());
    }
    if text.len() > MAX_BYTES {
        return refuse(format!(
            "the condition has {} bytes; at most {MAX_BYTES}",
            text.len()
        ));
    }
    let operators = text
        .chars()
        .filter(|character| ".+-*/%?<>=!([{".contains(*character))
        .count();
    if operators > MAX_OPERATORS {
        return refuse(format!(
            "the condition has {operators} operators and brackets; at most {MAX_OPERATORS}"
        ));
    }
    let conditionals = text.matches('?').count();
    if conditionals > MAX_CONDITIONALS {
        return refuse(format!(
            "the condition has {conditionals} question marks; at most {MAX_CONDITIONALS}"
        ));
    }
    Ok(())
}

/// The parser counts lines from 1 and, within a line, bytes from 1; an error without a place has 0.
fn offset_of(text: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line - 1).unwrap_or(0);
    let column = usize::try_from(column - 1).unwrap_or(0);
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let mut offset = (before + column).min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// Where a name or operator stands in the text, outside of string literals.
fn find(text: &str, name: &str) -> Option<usize> {
    if name.is_empty() {
        return None;
    }
    let part_of_a_name = |character: char| character.is_alphanumeric() || character == '_';
    let is_name = name.chars().all(part_of_a_name);
    let mut quote = None;
    for (offset, character) in text.char_indices() {
        match quote {
            Some(open) if open == character => quote = None,
            Some(_) => {}
            None if matches!(character, '"' | '\'') => quote = Some(character),
            None if text[offset..].starts_with(name) => {
                let before = text[..offset].chars().next_back();
                let behind = text[offset + name.len()..].chars().next();
                let stands_alone =
                    !before.is_some_and(part_of_a_name) && !behind.is_some_and(part_of_a_name);
                if !is_name || stands_alone {
                    return Some(offset);
                }
            }
            None => {}
        }
    }
    None
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::List(_) => "list",
        Value::Map(_) => "map",
        Value::Int(_) | Value::UInt(_) => "int",
        Value::Float(_) => "double",
        Value::String(_) => "string",
        Value::Bytes(_) => "bytes",
        Value::Bool(_) => "bool",
        Value::Null => "null",
        _ => "another kind",
    }
}

/// One walk over an expression, for depth, names and what is needed of each variable.
struct Walk<'text> {
    text: &'text str,
    wanted: BTreeMap<String, Wanted>,
    mistakes: Vec<Mistake>,
}

impl Walk<'_> {
    /// Walks with a stack of its own: an expression may be deeper than the guest's.
    fn expression(&mut self, root: &Expression) {
        let mut waiting: Vec<(&Expression, usize, Vec<String>)> = vec![(root, 1, Vec::new())];
        let mut too_deep = false;
        while let Some((expression, depth, locals)) = waiting.pop() {
            too_deep |= depth > MAX_DEPTH;
            let mut push =
                |child, locals: &Vec<String>| waiting.push((child, depth + 1, locals.clone()));
            match &expression.expr {
                Expr::Ident(_) | Expr::Select(_) => {
                    if let Some(operand) = self.path(expression, &locals, &mut too_deep) {
                        push(operand, &locals);
                    }
                }
                Expr::Call(call) => {
                    self.function(&call.func_name);
                    call.target.iter().for_each(|target| push(target, &locals));
                    call.args
                        .iter()
                        .for_each(|argument| push(argument, &locals));
                }
                Expr::Comprehension(comprehension) => {
                    push(&comprehension.iter_range, &locals);
                    let mut inner = locals.clone();
                    inner.push(comprehension.iter_var.clone());
                    inner.extend(comprehension.iter_var2.clone());
                    inner.push(comprehension.accu_var.clone());
                    push(&comprehension.accu_init, &inner);
                    push(&comprehension.loop_cond, &inner);
                    push(&comprehension.loop_step, &inner);
                    push(&comprehension.result, &inner);
                }
                Expr::List(list) => list
                    .elements
                    .iter()
                    .for_each(|element| push(element, &locals)),
                Expr::Map(map) => map.entries.iter().for_each(|entry| match &entry.expr {
                    EntryExpr::MapEntry(entry) => {
                        push(&entry.key, &locals);
                        push(&entry.value, &locals);
                    }
                    EntryExpr::StructField(field) => push(&field.value, &locals),
                }),
                Expr::Struct(structure) => {
                    self.mistake(
                        &structure.type_name,
                        format!("unknown type `{}`", structure.type_name),
                    );
                }
                Expr::Literal(_) | Expr::Unspecified => {}
            }
        }
        if too_deep {
            let message = format!("the condition is nested too deep; at most {MAX_DEPTH}");
            self.mistakes.push(Mistake { offset: 0, message });
        }
    }

    /// Notes the path that `a.b.c` spells; gives back what is selected from where it is no path.
    fn path<'expression>(
        &mut self,
        expression: &'expression Expression,
        locals: &[String],
        too_deep: &mut bool,
    ) -> Option<&'expression Expression> {
        let mut fields = Vec::new();
        let mut at = expression;
        while let Expr::Select(select) = &at.expr {
            fields.push(select.field.as_str());
            at = &select.operand;
        }
        *too_deep |= fields.len() > MAX_DEPTH;
        let Expr::Ident(name) = &at.expr else {
            return Some(at);
        };
        if locals.contains(name) || name.starts_with('@') {
            return None;
        }
        if !VARIABLES.contains(&name.as_str()) {
            let nearest = planning::suggestion(name, VARIABLES);
            self.mistake(name, format!("unknown name `{name}`{nearest}"));
            return None;
        }
        fields.reverse();
        self.wanted.entry(name.clone()).or_default().want(&fields);
        None
    }

    fn function(&mut self, name: &str) {
        // Operators and what macros expand to have names that no author can write.
        let is_written = name
            .chars()
            .all(|character| character.is_ascii_alphanumeric());
        if is_written && !FUNCTIONS.contains(&name) {
            self.mistake(
                name,
                format!(
                    "unknown function `{name}`{}",
                    planning::suggestion(name, FUNCTIONS)
                ),
            );
        }
    }

    fn mistake(&mut self, name: &str, message: String) {
        self.mistakes.push(Mistake {
            offset: find(self.text, name).unwrap_or(0),
            message,
        });
    }
}

#[cfg(test)]
mod tests;
