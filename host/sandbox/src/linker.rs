//! The host's side of the interfaces that are always there. What needs a grant has a file of its own,
//! such as [`http`](crate::http); so has [`wasi`](crate::wasi), which only those get that import it.

use wasmtime::StoreContextMut;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::menagerie::plugin::{
    artifacts, clock, figures, history, http, invocation, log, progress, random, routing, shared,
    types,
};
use crate::instant::rfc3339;
use crate::spec::Progress;
use crate::state::CallState;
use crate::stop::Stop;

/// Bytes of random numbers in one host call.
const RANDOM_AT_ONCE: u32 = 65_536;

/// History entries in one host call.
const HISTORY_AT_ONCE: u32 = 256;

/// Bytes of a note or a chunk of progress that are passed on; the rest is cut off.
const PROGRESS_BYTES: usize = 64 << 10;

/// A linker with every function that any plugin may have. Whether a plugin may import an interface
/// is decided before it is linked.
pub(crate) type HostLinker = Linker<CallState>;

/// Fills the linker once, when the engine is set up.
pub(crate) fn host_linker(engine: &wasmtime::Engine) -> wasmtime::Result<HostLinker> {
    let mut linker = Linker::new(engine);
    types::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    routing::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    invocation::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    log::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    clock::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    random::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    progress::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    history::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    figures::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    http::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    artifacts::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    shared::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    add_fuel_left(&mut linker)?;
    Ok(linker)
}

/// `fuel-left` needs the Store, which the generated traits do not hand out, so this takes the place
/// of the generated function.
fn add_fuel_left(linker: &mut HostLinker) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker
        .instance("menagerie:plugin/invocation@0.1.0")?
        .func_wrap(
            "fuel-left",
            |mut store: StoreContextMut<'_, CallState>, (): ()| {
                store.data_mut().meters.host_call(0)?;
                Ok((store.get_fuel()? as f64,))
            },
        )?;
    linker.allow_shadowing(false);
    Ok(())
}

impl types::Host for CallState {}
impl routing::Host for CallState {}

impl invocation::Host for CallState {
    fn run(&mut self) -> wasmtime::Result<String> {
        self.meters.host_call(0)?;
        Ok(self.invocation.run.clone())
    }

    fn step(&mut self) -> wasmtime::Result<String> {
        self.meters.host_call(0)?;
        Ok(self.invocation.step.clone())
    }

    fn name(&mut self) -> wasmtime::Result<String> {
        self.meters.host_call(0)?;
        Ok(self.invocation.name.clone())
    }

    fn attempt(&mut self) -> wasmtime::Result<u32> {
        self.meters.host_call(0)?;
        Ok(self.invocation.attempt)
    }

    fn deadline_ms(&mut self) -> wasmtime::Result<u32> {
        self.meters.host_call(0)?;
        Ok(u32::try_from(self.meters.limits().busy.as_millis()).unwrap_or(u32::MAX))
    }

    fn fuel_left(&mut self) -> wasmtime::Result<f64> {
        Err(Stop::Host("`fuel-left` was not linked to the Store".to_owned()).into())
    }

    async fn last_fault(&mut self) -> wasmtime::Result<Option<types::Fault>> {
        self.meters.host_call(0)?;
        let fault = self.invocation.last_fault.clone();
        let size = fault.as_ref().map_or(0, fault_size);
        self.give_way(size).await;
        Ok(fault)
    }

    async fn hints(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        self.meters.host_call(0)?;
        let hints = self.invocation.hints.clone();
        self.give_way(
            hints
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum(),
        )
        .await;
        Ok(hints)
    }

    async fn context_get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        self.meters.host_call(key.len())?;
        let value = self.context(&key).cloned();
        self.give_way(value.as_ref().map_or(0, String::len)).await;
        Ok(value)
    }

    fn context_put(&mut self, key: String, value: String) -> wasmtime::Result<Result<(), String>> {
        self.meters.host_call(key.len() + value.len())?;
        Ok(self.put_context(key, value))
    }
}

fn fault_size(fault: &types::Fault) -> usize {
    let extra: usize = fault
        .extra
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    fault.message.len() + fault.details.as_ref().map_or(0, String::len) + extra
}

impl log::Host for CallState {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.meters.host_call(message.len())?;
        if let Some(line) = self.log.write(self.meters.limits(), level, message) {
            self.observer.log(line);
        }
        Ok(())
    }
}

impl clock::Host for CallState {
    fn now_ms(&mut self) -> wasmtime::Result<f64> {
        self.meters.host_call(0)?;
        Ok(self.invocation.now_ms as f64)
    }

    fn now(&mut self) -> wasmtime::Result<String> {
        self.meters.host_call(0)?;
        Ok(rfc3339(self.invocation.now_ms))
    }
}

impl random::Host for CallState {
    async fn bytes(&mut self, count: u32) -> wasmtime::Result<Vec<u8>> {
        self.meters.host_call(0)?;
        if count > RANDOM_AT_ONCE {
            let message =
                format!("{count} random bytes were asked for; {RANDOM_AT_ONCE} are the most");
            return Err(Stop::Misuse(message).into());
        }
        let mut bytes = vec![0; count as usize];
        self.random.fill(&mut bytes);
        // Hashing costs several times what copying does.
        self.give_way(bytes.len() * 4).await;
        Ok(bytes)
    }

    fn next_u32(&mut self) -> wasmtime::Result<u32> {
        self.meters.host_call(0)?;
        Ok(self.random.next_u32())
    }

    fn next_f64(&mut self) -> wasmtime::Result<f64> {
        self.meters.host_call(0)?;
        Ok(self.random.next_f64())
    }
}

impl progress::Host for CallState {
    fn fraction(&mut self, done: f64) -> wasmtime::Result<()> {
        self.meters.host_call(0)?;
        if !done.is_nan() {
            self.observer
                .progress(Progress::Fraction(done.clamp(0.0, 1.0)));
        }
        Ok(())
    }

    fn note(&mut self, text: String) -> wasmtime::Result<()> {
        self.meters.host_call(text.len())?;
        self.observer
            .progress(Progress::Note(cut(text, PROGRESS_BYTES)));
        Ok(())
    }

    fn chunk(&mut self, text: String) -> wasmtime::Result<()> {
        self.meters.host_call(text.len())?;
        self.observer
            .progress(Progress::Chunk(cut(text, PROGRESS_BYTES)));
        Ok(())
    }
}

/// Shortens a text to at most `most` bytes, never within a character.
pub(crate) fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
    }
    text
}

impl history::Host for CallState {
    async fn before(
        &mut self,
        id: u32,
        count: u32,
    ) -> wasmtime::Result<Vec<routing::HistoryEntry>> {
        self.meters.host_call(0)?;
        let history = self.history.clone();
        let page = history
            .before(id, count.min(HISTORY_AT_ONCE))
            .await
            .map_err(Stop::Host)?;
        self.give_way(page.len() * 256).await;
        Ok(page)
    }
}

impl figures::Host for CallState {
    async fn agents(&mut self) -> wasmtime::Result<Vec<figures::AgentFigures>> {
        self.meters.host_call(0)?;
        let figures = self.invocation.figures.clone();
        self.give_way(figures.len() * 128).await;
        Ok(figures)
    }
}
