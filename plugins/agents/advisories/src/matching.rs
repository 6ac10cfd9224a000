//! Which advisories concern the packages of a lock file; pure.

use serde::{Deserialize, Serialize};

/// Of the run's state, what is compared.
#[derive(Debug, Deserialize)]
pub(crate) struct Input {
    pub(crate) lockfile: Lock,
}

/// Of the answer of `lockfile`.
#[derive(Debug, Deserialize)]
pub(crate) struct Lock {
    pub(crate) packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
}

/// What was fetched.
#[derive(Debug, Deserialize)]
pub(crate) struct Index {
    pub(crate) advisories: Vec<Advisory>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Advisory {
    pub(crate) id: String,
    pub(crate) package: String,
    /// All of them when it is left out.
    #[serde(default)]
    pub(crate) versions: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) title: String,
}

/// The answer, under the agent's name so that it meets no other's.
#[derive(Debug, Serialize)]
pub(crate) struct Output {
    pub(crate) advisories: Advisories,
}

#[derive(Debug, Serialize)]
pub(crate) struct Advisories {
    /// Where the index was.
    pub(crate) index: String,
    /// How many advisories it holds.
    pub(crate) known: usize,
    /// Those that concern a package, in the order of the index.
    pub(crate) matches: Vec<Match>,
}

/// An advisory and the package that it is about.
#[derive(Debug, Serialize)]
pub(crate) struct Match {
    pub(crate) id: String,
    /// Name and version.
    pub(crate) package: String,
    pub(crate) title: String,
}

/// Holds every package against every advisory.
pub(crate) fn compare(input: &Input, index: Index, url: String) -> Output {
    let known = index.advisories.len();
    let packages = &input.lockfile.packages;
    let concerned = |advisory: Advisory| {
        let versions = advisory.versions;
        let meant = move |package: &&Package| {
            package.name == advisory.package
                && versions
                    .as_ref()
                    .is_none_or(|versions| versions.contains(&package.version))
        };
        let (id, title) = (advisory.id, advisory.title);
        packages.iter().filter(meant).map(move |package| Match {
            id: id.clone(),
            package: format!("{} {}", package.name, package.version),
            title: title.clone(),
        })
    };
    Output {
        advisories: Advisories {
            index: url,
            known,
            matches: index.advisories.into_iter().flat_map(concerned).collect(),
        },
    }
}
