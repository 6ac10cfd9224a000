//! Our own table of what each WebAssembly operator costs in fuel. It is set explicitly, so that an
//! upgrade of wasmtime does not change what a recorded call cost without anybody noticing.

use wasmtime::{OperatorCost, VariableOperatorCost};

/// The version of the table below. It is part of the engine's fingerprint: whoever changes a cost
/// raises it.
pub(crate) const COST_TABLE_VERSION: u32 = 1;

/// Fuel for each page of 64 KiB by which a guest grows its memory: the kernel hands out and clears
/// sixteen pages for it, which takes about as long as this many simple operators.
const GROWTH_PER_PAGE: u8 = 255;

/// One unit for an operator, nothing for those that generate no code, a few more for divisions and
/// indirect calls, and a unit for each byte or element that one operator moves, so that one
/// operator cannot hide an unbounded amount of work.
pub(crate) fn operator_costs() -> OperatorCost {
    let mut costs = OperatorCost::new();
    charge_slow_arithmetic(&mut costs);
    costs.Call = 2;
    costs.CallIndirect = 4;
    costs.MemoryGrow = 50;
    costs.TableGrow = 50;
    costs.variable = variable_costs();
    costs
}

/// Divisions and roots keep a processor busy for ten to forty cycles, so they cost more than one.
fn charge_slow_arithmetic(costs: &mut OperatorCost) {
    for cost in [
        &mut costs.I32DivS,
        &mut costs.I32DivU,
        &mut costs.I32RemS,
        &mut costs.I32RemU,
        &mut costs.I64DivS,
        &mut costs.I64DivU,
        &mut costs.I64RemS,
        &mut costs.I64RemU,
        &mut costs.F32Div,
        &mut costs.F64Div,
        &mut costs.F32Sqrt,
        &mut costs.F64Sqrt,
        &mut costs.F32x4Div,
        &mut costs.F64x2Div,
        &mut costs.F32x4Sqrt,
        &mut costs.F64x2Sqrt,
    ] {
        *cost = 4;
    }
}

/// Costs of work whose size is known only when it is done. Every field of the operators that the
/// engine admits is written out: a default that changes upstream must not change ours.
fn variable_costs() -> VariableOperatorCost {
    let mut variable = VariableOperatorCost::new();
    variable.memory_copy_per_byte = 1;
    variable.memory_fill_per_byte = 1;
    variable.memory_init_per_byte = 1;
    variable.memory_grow_per_page = GROWTH_PER_PAGE;
    variable.table_copy_per_element = 1;
    variable.table_fill_per_element = 1;
    variable.table_init_per_element = 1;
    variable.table_grow_per_element = 1;
    variable
}
