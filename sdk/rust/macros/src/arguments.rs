//! What an author writes into the attribute's brackets.

use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitInt, LitStr, Path, Token, bracketed};

const KNOWN: &str = "skills, check, compensate, name, description, config_schema, input_schema, \
                     output_schema, fuel, memory_mib, grants";

#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) skills: Vec<LitStr>,
    pub(crate) grants: Vec<LitStr>,
    pub(crate) name: Option<LitStr>,
    pub(crate) description: Option<LitStr>,
    pub(crate) config_schema: Option<LitStr>,
    pub(crate) input_schema: Option<LitStr>,
    pub(crate) output_schema: Option<LitStr>,
    pub(crate) fuel: Option<u64>,
    pub(crate) memory_mib: Option<u64>,
    pub(crate) compensate: Option<Path>,
    pub(crate) check: Option<Check>,
}

pub(crate) enum Check {
    /// Only that the configuration can be read.
    Type(Span),
    /// And what this function finds.
    Function(Path),
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut arguments = Self::default();
        let mut seen: Vec<String> = Vec::new();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            if seen.contains(&key.to_string()) {
                return Err(Error::new(key.span(), format!("`{key}` is given twice")));
            }
            seen.push(key.to_string());
            arguments.parse_one(&key, input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

impl Arguments {
    fn parse_one(&mut self, key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        if key == "check" && !input.peek(Token![=]) {
            self.check = Some(Check::Type(key.span()));
            return Ok(());
        }
        let known = KNOWN.split(", ").any(|known| key == known);
        if !known {
            return Err(Error::new(
                key.span(),
                format!("there is no argument `{key}`; there are {KNOWN}"),
            ));
        }
        if !input.peek(Token![=]) {
            return Err(Error::new(
                key.span(),
                format!("`{key}` needs a value: `{key} = …`"),
            ));
        }
        input.parse::<Token![=]>()?;
        match key.to_string().as_str() {
            "skills" => self.skills = strings(input)?,
            "grants" => self.grants = strings(input)?,
            "name" => self.name = Some(plugin_name(input)?),
            "description" => self.description = Some(input.parse()?),
            "config_schema" => self.config_schema = Some(input.parse()?),
            "input_schema" => self.input_schema = Some(input.parse()?),
            "output_schema" => self.output_schema = Some(input.parse()?),
            "fuel" => self.fuel = Some(input.parse::<LitInt>()?.base10_parse()?),
            "memory_mib" => self.memory_mib = Some(input.parse::<LitInt>()?.base10_parse()?),
            "compensate" => self.compensate = Some(input.parse()?),
            _ => self.check = Some(Check::Function(input.parse()?)),
        }
        Ok(())
    }
}

fn strings(input: ParseStream<'_>) -> syn::Result<Vec<LitStr>> {
    let inside;
    bracketed!(inside in input);
    let list = Punctuated::<LitStr, Token![,]>::parse_terminated(&inside)?;
    Ok(list.into_iter().collect())
}

/// A plugin's name becomes a file name and is written in flow files.
fn plugin_name(input: ParseStream<'_>) -> syn::Result<LitStr> {
    let name: LitStr = input.parse()?;
    let text = name.value();
    let good = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if text.is_empty() || !text.chars().all(good) {
        return Err(Error::new(
            name.span(),
            "a plugin's name is made of letters, digits, `-` and `_`",
        ));
    }
    Ok(name)
}
