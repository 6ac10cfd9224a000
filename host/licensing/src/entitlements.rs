//! What a host may do, and its refusals.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::tier::{Feature, Limit, Limits, Tier};

/// How many steps at once every tier may run, with or without `parallel_execution`.
const WIDTH_WITHOUT_FEATURE: u32 = 2;

/// What this host may do. Recorded with each run that it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitlements {
    /// The licence's tier.
    pub tier: Tier,
    /// Who holds the licence; nobody without a file.
    pub holder: Option<String>,
    /// The figures: the tier's, with the licence's overrides.
    pub limits: Limits,
    /// The features: the tier's, with the licence's overrides.
    pub features: BTreeSet<Feature>,
    /// When the licence expires, in seconds since 1970; never without a file.
    pub expires: Option<u64>,
    /// Until when an expired licence is still honoured, in seconds since 1970.
    pub grace_until: Option<u64>,
    /// Whether the licence has expired and is honoured for its grace period only: worth a warning.
    pub in_grace: bool,
}

/// What the licence does not allow.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// More agents than a pipeline may declare.
    #[error("agents per pipeline: the {tier} tier allows {allowed}, and this flow has {asked}")]
    Agents {
        /// Of the licence in force.
        tier: Tier,
        /// The figure of the licence.
        allowed: Limit,
        /// How many were asked for.
        asked: usize,
    },
    /// More pipelines at the same time.
    #[error(
        "concurrent pipelines: the {tier} tier allows {allowed}, and this would be number {asked}"
    )]
    ConcurrentPipelines {
        /// Of the licence in force.
        tier: Tier,
        /// The figure of the licence.
        allowed: Limit,
        /// How many would run.
        asked: usize,
    },
    /// A feature that the licence does not have.
    #[error(
        "the licence in force ({tier}) is without `{feature}`, which comes with the {needed} tier"
    )]
    Feature {
        /// Of the licence in force.
        tier: Tier,
        /// What was asked for.
        feature: Feature,
        /// The lowest tier that has it; the licence's own where an override took it away.
        needed: Tier,
    },
}

impl Entitlements {
    /// What a host may do without a licence file.
    #[must_use]
    pub fn community() -> Self {
        Self {
            tier: Tier::Community,
            holder: None,
            limits: Tier::Community.limits(),
            features: Tier::Community.features(),
            expires: None,
            grace_until: None,
            in_grace: false,
        }
    }

    /// Whether a pipeline may declare `count` agents. For the loading of a flow.
    ///
    /// # Errors
    /// [`Refusal::Agents`] if they are too many.
    pub fn check_agents(&self, count: usize) -> Result<(), Refusal> {
        let allowed = self.limits.agents_per_pipeline;
        if allowed.allows(count) {
            return Ok(());
        }
        Err(Refusal::Agents {
            tier: self.tier,
            allowed,
            asked: count,
        })
    }

    /// Whether `count` pipelines may run at once, the one to be admitted included. For admission.
    ///
    /// # Errors
    /// [`Refusal::ConcurrentPipelines`] if they are too many.
    pub fn check_concurrent_pipelines(&self, count: usize) -> Result<(), Refusal> {
        let allowed = self.limits.concurrent_pipelines;
        if allowed.allows(count) {
            return Ok(());
        }
        Err(Refusal::ConcurrentPipelines {
            tier: self.tier,
            allowed,
            asked: count,
        })
    }

    /// How many steps of one pipeline may run at once: `u32::MAX` where there is no limit. One
    /// bound among others, of which the executor takes the least.
    ///
    /// More than two take the feature `parallel_execution`, whatever the figure.
    #[must_use]
    pub fn parallel_width(&self) -> u32 {
        let figure = self.limits.parallel_agents.figure();
        if self.features.contains(&Feature::ParallelExecution) {
            figure
        } else {
            figure.min(WIDTH_WITHOUT_FEATURE)
        }
    }

    /// Whether the licence has `feature`. For that feature's door.
    ///
    /// # Errors
    /// [`Refusal::Feature`] if it has not.
    pub fn feature(&self, feature: Feature) -> Result<(), Refusal> {
        if self.features.contains(&feature) {
            return Ok(());
        }
        Err(Refusal::Feature {
            tier: self.tier,
            feature,
            needed: feature.lowest_tier(),
        })
    }
}
