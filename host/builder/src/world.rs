//! The world of one project, in a package of its own: what its kind always has, what it asked for, and the
//! exports that it has beside. Written where the language's tools look for it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::BuildError;
use crate::project::Project;

/// The contract, as it is in `wit/`.
pub(crate) const CONTRACT: [(&str, &str); 9] = [
    ("agent.wit", include_str!("../../../wit/agent.wit")),
    ("artifacts.wit", include_str!("../../../wit/artifacts.wit")),
    ("group.wit", include_str!("../../../wit/group.wit")),
    ("host.wit", include_str!("../../../wit/host.wit")),
    ("http.wit", include_str!("../../../wit/http.wit")),
    ("shared.wit", include_str!("../../../wit/shared.wit")),
    ("strategy.wit", include_str!("../../../wit/strategy.wit")),
    ("types.wit", include_str!("../../../wit/types.wit")),
    ("worlds.wit", include_str!("../../../wit/worlds.wit")),
];

/// The name of every project's world.
pub(crate) const WORLD: &str = "plugin";

/// The text of a project's world.
pub(crate) fn text(project: &Project) -> String {
    let settings = &project.settings;
    let mut text = format!(
        "package menagerie:project;\n\nworld {WORLD} {{\n    include menagerie:plugin/{}-plugin@0.1.0;\n",
        settings.kind
    );
    for grant in &settings.grants {
        text.push_str(&format!("    import menagerie:plugin/{grant}@0.1.0;\n"));
    }
    for export in &settings.exports {
        text.push_str(&format!("    export menagerie:plugin/{export}@0.1.0;\n"));
    }
    text.push_str("}\n");
    text
}

/// Writes the world and the contract that it refers to; gives the folder.
pub(crate) fn write(project: &Project, work: &Path) -> Result<PathBuf, BuildError> {
    let folder = work.join("wit");
    let contract = folder.join("deps").join("plugin");
    fs::create_dir_all(&contract).map_err(BuildError::file(&contract))?;
    let put = |path: PathBuf, text: &str| fs::write(&path, text).map_err(BuildError::file(&path));
    for (name, text) in CONTRACT {
        put(contract.join(name), text)?;
    }
    put(folder.join("world.wit"), &text(project))?;
    Ok(folder)
}
