//! Random numbers: the same stream as that of the contract's own interface.

use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use crate::state::CallState;
use crate::stop::Stop;

/// Bytes in one host call; runtimes ask for a few dozen.
const AT_ONCE: u64 = 65_536;

impl CallState {
    fn random_bytes(&mut self, count: u64) -> wasmtime::Result<Vec<u8>> {
        self.meters.host_call(0)?;
        if count > AT_ONCE {
            let message = format!("{count} random bytes were asked for; {AT_ONCE} are the most");
            return Err(Stop::Misuse(message).into());
        }
        let mut bytes = vec![0; count as usize];
        self.random.fill(&mut bytes);
        Ok(bytes)
    }

    fn random_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

impl random::Host for CallState {
    fn get_random_bytes(&mut self, count: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(count)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.meters.host_call(0)?;
        Ok(self.random_u64())
    }
}

impl insecure::Host for CallState {
    fn get_insecure_random_bytes(&mut self, count: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(count)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.meters.host_call(0)?;
        Ok(self.random_u64())
    }
}

impl insecure_seed::Host for CallState {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        self.meters.host_call(0)?;
        Ok((self.random_u64(), self.random_u64()))
    }
}
