//! The XML attributes of one tag.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::BytesStart;

/// What is wrong within a tag.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The tag is not well-formed.
    #[error("{0}")]
    Xml(String),
    /// XML has no bare `<` within quotes.
    #[error("found `<` within quotes, expected `&lt;`")]
    BareLess,
}

/// The attributes of a tag, `key` and `value` apart from the others.
#[derive(Debug, Default)]
pub(crate) struct Fields<'tag> {
    pub(super) key: Option<Cow<'tag, str>>,
    pub(super) value: Option<Cow<'tag, str>>,
    pub(super) others: Vec<(&'tag str, Cow<'tag, str>)>,
}

impl<'tag> Fields<'tag> {
    pub(crate) fn of(tag: &'tag BytesStart<'_>) -> Result<Self, FieldError> {
        let raw = tag.attributes_raw();
        if let Some((key, value)) = usual(raw) {
            return Ok(Self {
                key: Some(Cow::Borrowed(key)),
                value: Some(Cow::Borrowed(value)),
                others: Vec::new(),
            });
        }
        let mut fields = Self::default();
        if raw.trim().is_empty() {
            return Ok(fields);
        }
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| FieldError::Xml(error.to_string()))?;
            if attribute.value.contains('<') {
                return Err(FieldError::BareLess);
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| FieldError::Xml(error.to_string()))?;
            match attribute.key.into_inner() {
                "key" => fields.key = Some(value),
                "value" => fields.value = Some(value),
                other => fields.others.push((other, value)),
            }
        }
        Ok(fields)
    }

    pub(crate) fn other(&self, name: &str) -> Option<&str> {
        let found = self.others.iter().find(|(other, _)| *other == name);
        found.map(|(_, value)| &**value)
    }
}

/// The form that nearly every attribute of nearly every log has: ` key="…" value="…"`, with nothing
/// in the texts that XML would change. It is read without the general machinery.
fn usual(raw: &str) -> Option<(&str, &str)> {
    let after = raw.strip_prefix(" key=\"")?;
    let (key, after) = after.split_once('"')?;
    let after = after.strip_prefix(" value=\"")?;
    let (value, after) = after.split_once('"')?;
    let plain = |text: &str| {
        !text
            .bytes()
            .any(|byte| byte < b' ' || byte == b'&' || byte == b'<')
    };
    (after.trim_ascii().is_empty() && plain(key) && plain(value)).then_some((key, value))
}
