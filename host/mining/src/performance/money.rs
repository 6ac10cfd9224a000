//! What was spent, exact: money in millionths, tokens and fuel as counts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::steps::{End, Step};
use crate::event::Cost;

/// Amounts by currency, in millionths of its unit; the empty name is money of no stated currency.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Money(pub BTreeMap<String, i64>);

impl JsonSchema for Money {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Amounts by currency, as decimal texts; the empty name is money of no stated currency",
            "type": "object",
            "additionalProperties": {"type": "string"},
        })
    }
}

/// As decimal texts, since JSON's numbers are not exact: `{"USD": "0.02"}`.
impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(currency, micros)| {
            let cost = Cost {
                micros: *micros,
                currency: currency.clone(),
            };
            (currency, cost.amount())
        }))
    }
}

/// What was spent, and what of it on attempts that failed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Spent {
    /// Money.
    pub money: Money,
    /// Tokens of language models.
    pub tokens: u64,
    /// Fuel of guest code.
    pub fuel: u64,
    /// Money for attempts that failed.
    pub money_failed: Money,
    /// Tokens for attempts that failed.
    pub tokens_failed: u64,
    /// Fuel for attempts that failed.
    pub fuel_failed: u64,
}

impl Spent {
    pub(super) fn add(&mut self, step: &Step, currency: &str) {
        let failed = step.end == End::Failed;
        if let Some(micros) = step.cost_micros {
            add(&mut self.money, currency, micros);
            if failed {
                add(&mut self.money_failed, currency, micros);
            }
        }
        self.tokens += step.tokens;
        self.fuel += step.fuel;
        if failed {
            self.tokens_failed += step.tokens;
            self.fuel_failed += step.fuel;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        let pairs = [
            (&mut self.money, &other.money),
            (&mut self.money_failed, &other.money_failed),
        ];
        for (own, others) in pairs {
            others
                .0
                .iter()
                .for_each(|(currency, micros)| add(own, currency, *micros));
        }
        self.tokens += other.tokens;
        self.fuel += other.fuel;
        self.tokens_failed += other.tokens_failed;
        self.fuel_failed += other.fuel_failed;
    }
}

fn add(money: &mut Money, currency: &str, micros: i64) {
    match money.0.get_mut(currency) {
        Some(sum) => *sum = sum.saturating_add(micros),
        None => {
            money.0.insert(currency.to_owned(), micros);
        }
    }
}
