//! Capabilities that are taken from a run's plugins while it goes on, and given back.

use super::Run;

/// Why a capability cannot be taken, or given back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevokeError {
    /// Nothing of that name was granted anything.
    #[error("nothing was granted to `{role}`; granted to: {}", listed(.known))]
    Role {
        /// What was named.
        role: String,
        /// Those that were granted something.
        known: Vec<String>,
    },
    /// It was granted other things.
    #[error("`{role}` was not granted `{interface}`; it has {}", listed(.known))]
    Interface {
        /// Whose.
        role: String,
        /// What was named.
        interface: String,
        /// What was granted.
        known: Vec<String>,
    },
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "nobody".to_owned(),
        names => names.join(", "),
    }
}

impl Run {
    /// Whether a capability can be taken, and has not been taken yet.
    ///
    /// # Errors
    /// When it was never granted.
    pub fn revocable(&self, role: &str, interface: &str) -> Result<bool, RevokeError> {
        let grants = &self.data.pins.grants;
        let granted = grants.get(role).ok_or_else(|| RevokeError::Role {
            role: role.to_owned(),
            known: grants.keys().cloned().collect(),
        })?;
        if !granted.iter().any(|known| known == interface) {
            return Err(RevokeError::Interface {
                role: role.to_owned(),
                interface: interface.to_owned(),
                known: granted.clone(),
            });
        }
        let taken = (role.to_owned(), interface.to_owned());
        Ok(!self.data.revoked.contains(&taken))
    }

    /// Every capability that was taken and is not back: role and interface.
    pub fn revoked(&self) -> impl Iterator<Item = (&str, &str)> {
        let taken = self.data.revoked.iter();
        taken.map(|(role, interface)| (role.as_str(), interface.as_str()))
    }
}
