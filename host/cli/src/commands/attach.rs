//! Files that a run is given: `menagerie run --attach`.

use std::path::Path;

use menagerie_executor::GivenFile;
use menagerie_journal::Content;
use menagerie_orchestration::artifact::{MOST_ARTIFACT_BYTES, MOST_ARTIFACTS, MOST_BYTES};

use crate::failure::Failure;

/// Media types of names that end so; all others are bytes.
const TYPES: [(&str, &str); 12] = [
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("json", "application/json"),
    ("md", "text/markdown"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("toml", "application/toml"),
    ("txt", "text/plain"),
    ("xml", "application/xml"),
];

/// Reads what is attached, each `FILE` or `FILE=TYPE/SUBTYPE`.
///
/// # Errors
/// When one cannot be read, or cannot be an artifact.
pub(crate) fn files(attached: &[String]) -> Result<Vec<GivenFile>, Failure> {
    if attached.len() > MOST_ARTIFACTS {
        let message = format!(
            "--attach: found {} files, expected at most {MOST_ARTIFACTS}",
            attached.len()
        );
        return Err(Failure::usage(message));
    }
    let files = attached.iter().map(|one| file(one));
    let files: Vec<GivenFile> = files.collect::<Result<_, _>>()?;
    let sizes = files.iter().map(|file| file.content.bytes().len() as u64);
    let total: u64 = sizes.sum();
    if total > MOST_BYTES {
        let message = format!("--attach: found {total} bytes, expected at most {MOST_BYTES}");
        return Err(Failure::usage(message));
    }
    Ok(files)
}

fn file(attached: &str) -> Result<GivenFile, Failure> {
    // A path may hold the sign, a media type ends behind the last one.
    let (path, told) = match attached.rsplit_once('=') {
        Some((path, told)) if told.contains('/') && !Path::new(attached).exists() => {
            (Path::new(path), Some(told))
        }
        _ => (Path::new(attached), None),
    };
    let wrong = |what: &str| Failure::usage(format!("--attach {attached}: {what}"));
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.filter(|name| is_name(name)).ok_or_else(|| {
        wrong("expected a file whose name has 1 to 128 letters, digits, `.`, `_` and `-`, not `.` first")
    })?;
    let media_type = told.unwrap_or_else(|| type_of(path));
    if !is_media_type(media_type) {
        let what =
            format!("found the media type `{media_type}`, expected one such as `text/plain`");
        return Err(wrong(&what));
    }
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::host(&format!("{} cannot be read", path.display()), error))?;
    let size = bytes.len() as u64;
    if size > MOST_ARTIFACT_BYTES {
        let what = format!("found {size} bytes, expected at most {MOST_ARTIFACT_BYTES}");
        return Err(wrong(&what));
    }
    Ok(GivenFile {
        name: name.to_owned(),
        media_type: media_type.to_owned(),
        content: Content::new(bytes),
    })
}

fn type_of(path: &Path) -> &'static str {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let ending = ending.unwrap_or_default().to_ascii_lowercase();
    let known = TYPES.iter().find(|(known, _)| *known == ending);
    known.map_or("application/octet-stream", |(_, media_type)| media_type)
}

fn is_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=128).contains(&name.len()) && name.bytes().all(known) && !name.starts_with('.')
}

fn is_media_type(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
    let part = |part: &str| !part.is_empty() && part.bytes().all(known);
    let parts = text.split_once('/');
    text.len() <= 128 && parts.is_some_and(|(of, sub)| part(of) && part(sub))
}
