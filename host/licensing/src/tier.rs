//! The tiers, and what each has unless a licence says otherwise.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What a licence is called, and where its limits and features start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Without any licence file.
    Community,
    /// More of everything, and the gated features.
    Professional,
    /// Everything, without a limit.
    Enterprise,
}

/// Something that a tier has or lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Running agents at all.
    BasicAgents,
    /// One step after another.
    SequentialExecution,
    /// More steps at once than the two that every tier may run.
    ParallelExecution,
    /// Views and exports of what was mined. Events are recorded in every tier.
    ProcessMining,
    /// Grants that reach outside the host.
    ExternalActions,
}

/// The most of something: a number, or as many as wanted.
///
/// As JSON it is a positive number or the word `unlimited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "LimitText", into = "LimitText")]
pub enum Limit {
    /// No more than that; never 0.
    AtMost(u32),
    /// As many as wanted.
    Unlimited,
}

/// How a [`Limit`] is written.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum LimitText {
    Number(u32),
    Word(String),
}

impl From<Limit> for LimitText {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::AtMost(most) => Self::Number(most),
            Limit::Unlimited => Self::Word("unlimited".to_owned()),
        }
    }
}

impl TryFrom<LimitText> for Limit {
    type Error = &'static str;

    fn try_from(text: LimitText) -> Result<Self, Self::Error> {
        match text {
            LimitText::Number(most) if most > 0 => Ok(Self::AtMost(most)),
            LimitText::Word(word) if word == "unlimited" => Ok(Self::Unlimited),
            _ => Err("a limit is a positive number or `unlimited`"),
        }
    }
}

impl Limit {
    /// The most, as a number to take the minimum with: `u32::MAX` where there is no limit.
    #[must_use]
    pub fn figure(self) -> u32 {
        match self {
            Self::AtMost(most) => most,
            Self::Unlimited => u32::MAX,
        }
    }

    /// Whether `count` is not too many.
    #[must_use]
    pub fn allows(self, count: usize) -> bool {
        match self {
            Self::AtMost(most) => u32::try_from(count).is_ok_and(|count| count <= most),
            Self::Unlimited => true,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(out, "{most}"),
            Self::Unlimited => out.write_str("unlimited"),
        }
    }
}

/// The figures of a licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Pipelines that run at the same time on this host.
    pub concurrent_pipelines: Limit,
    /// Agents that one pipeline may declare.
    pub agents_per_pipeline: Limit,
    /// Steps of one pipeline that run at the same time.
    pub parallel_agents: Limit,
}

impl Feature {
    /// Every feature that there is.
    pub const ALL: [Self; 5] = [
        Self::BasicAgents,
        Self::SequentialExecution,
        Self::ParallelExecution,
        Self::ProcessMining,
        Self::ExternalActions,
    ];

    /// The name as in licence files and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BasicAgents => "basic_agents",
            Self::SequentialExecution => "sequential_execution",
            Self::ParallelExecution => "parallel_execution",
            Self::ProcessMining => "process_mining",
            Self::ExternalActions => "external_actions",
        }
    }

    /// The lowest tier that has the feature without an override.
    #[must_use]
    pub fn lowest_tier(self) -> Tier {
        match self {
            Self::BasicAgents | Self::SequentialExecution => Tier::Community,
            Self::ParallelExecution | Self::ProcessMining | Self::ExternalActions => {
                Tier::Professional
            }
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl Tier {
    /// The name as in licence files and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Community => "community",
            Self::Professional => "professional",
            Self::Enterprise => "enterprise",
        }
    }

    /// The tier's figures without an override.
    #[must_use]
    pub fn limits(self) -> Limits {
        let [concurrent_pipelines, agents_per_pipeline, parallel_agents] = match self {
            Self::Community => [Limit::AtMost(1), Limit::AtMost(5), Limit::AtMost(2)],
            Self::Professional => [Limit::AtMost(5), Limit::AtMost(20), Limit::AtMost(10)],
            Self::Enterprise => [Limit::Unlimited; 3],
        };
        Limits {
            concurrent_pipelines,
            agents_per_pipeline,
            parallel_agents,
        }
    }

    /// The tier's features without an override.
    #[must_use]
    pub fn features(self) -> BTreeSet<Feature> {
        Feature::ALL
            .into_iter()
            .filter(|feature| feature.lowest_tier() <= self)
            .collect()
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
