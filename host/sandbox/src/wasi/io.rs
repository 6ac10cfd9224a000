//! Streams and polling over the few things that there are: an input at its end, two outputs that lead
//! into the log, and moments that are here or never come.

use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sync::io::{error, poll, streams};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamError, StreamResult};

use crate::state::CallState;
use crate::stop::Stop;

/// The number of a pollable that is ready.
pub(super) const NOW: u32 = 0;

/// The number of one that lies in the future: it would have to be waited for.
pub(super) const LATER: u32 = 1;

/// The numbers of the output streams.
pub(super) const STDOUT: u32 = 1;
pub(super) const STDERR: u32 = 2;

/// Bytes that one write may bring, as `check-write` tells.
const WRITE_AT_ONCE: u64 = 64 << 10;

fn asleep() -> wasmtime::Error {
    Stop::Denied("sleeping, or waiting for a moment to come".to_owned()).into()
}

impl poll::Host for CallState {
    fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        self.meters.host_call(pollables.len() * size_of::<u32>())?;
        if pollables.is_empty() {
            return Err(Stop::Misuse("nothing was given to `poll`".to_owned()).into());
        }
        let ready: Vec<u32> = (0..)
            .zip(&pollables)
            .filter(|(_, pollable)| pollable.rep() == NOW)
            .map(|(index, _)| index)
            .collect();
        if ready.is_empty() {
            return Err(asleep());
        }
        Ok(ready)
    }
}

impl poll::HostPollable for CallState {
    fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.meters.host_call(0)?;
        Ok(pollable.rep() == NOW)
    }

    fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.meters.host_call(0)?;
        if pollable.rep() == NOW {
            Ok(())
        } else {
            Err(asleep())
        }
    }

    fn drop(&mut self, _pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl error::Host for CallState {}

impl error::HostError for CallState {
    fn to_debug_string(&mut self, _error: Resource<error::Error>) -> wasmtime::Result<String> {
        self.meters.host_call(0)?;
        Ok("an error".to_owned())
    }

    fn drop(&mut self, _error: Resource<error::Error>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl CallState {
    fn metered(&mut self, bytes: usize) -> StreamResult<()> {
        self.meters
            .host_call(bytes)
            .map_err(|stop| StreamError::Trap(stop.into()))
    }

    fn take(&mut self, stream: &Resource<DynOutputStream>, bytes: &[u8]) -> StreamResult<()> {
        self.metered(bytes.len())?;
        self.write_standard(stream.rep() == STDERR, bytes);
        Ok(())
    }

    fn take_zeroes(&mut self, stream: &Resource<DynOutputStream>, count: u64) -> StreamResult<()> {
        let zeroes = vec![0; count.min(WRITE_AT_ONCE) as usize];
        self.take(stream, &zeroes)
    }
}

impl streams::Host for CallState {
    fn convert_stream_error(
        &mut self,
        error: StreamError,
    ) -> wasmtime::Result<streams::StreamError> {
        match error {
            StreamError::Closed => Ok(streams::StreamError::Closed),
            StreamError::LastOperationFailed(error) | StreamError::Trap(error) => Err(error),
        }
    }
}

impl streams::HostInputStream for CallState {
    fn read(&mut self, _: Resource<DynInputStream>, _: u64) -> StreamResult<Vec<u8>> {
        self.metered(0)?;
        Err(StreamError::Closed)
    }

    fn blocking_read(&mut self, _: Resource<DynInputStream>, _: u64) -> StreamResult<Vec<u8>> {
        self.metered(0)?;
        Err(StreamError::Closed)
    }

    fn skip(&mut self, _: Resource<DynInputStream>, _: u64) -> StreamResult<u64> {
        self.metered(0)?;
        Err(StreamError::Closed)
    }

    fn blocking_skip(&mut self, _: Resource<DynInputStream>, _: u64) -> StreamResult<u64> {
        self.metered(0)?;
        Err(StreamError::Closed)
    }

    fn subscribe(
        &mut self,
        _: Resource<DynInputStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        self.meters.host_call(0)?;
        Ok(Resource::new_own(NOW))
    }

    fn drop(&mut self, _: Resource<DynInputStream>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl streams::HostOutputStream for CallState {
    fn check_write(&mut self, _: Resource<DynOutputStream>) -> StreamResult<u64> {
        self.metered(0)?;
        Ok(WRITE_AT_ONCE)
    }

    fn write(&mut self, stream: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        self.take(&stream, &bytes)
    }

    fn blocking_write_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        bytes: Vec<u8>,
    ) -> StreamResult<()> {
        self.take(&stream, &bytes)
    }

    fn flush(&mut self, _: Resource<DynOutputStream>) -> StreamResult<()> {
        self.metered(0)
    }

    fn blocking_flush(&mut self, _: Resource<DynOutputStream>) -> StreamResult<()> {
        self.metered(0)
    }

    fn subscribe(
        &mut self,
        _: Resource<DynOutputStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        self.meters.host_call(0)?;
        Ok(Resource::new_own(NOW))
    }

    fn write_zeroes(&mut self, stream: Resource<DynOutputStream>, count: u64) -> StreamResult<()> {
        self.take_zeroes(&stream, count)
    }

    fn blocking_write_zeroes_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        count: u64,
    ) -> StreamResult<()> {
        self.take_zeroes(&stream, count)
    }

    fn splice(
        &mut self,
        _: Resource<DynOutputStream>,
        _: Resource<DynInputStream>,
        _: u64,
    ) -> StreamResult<u64> {
        self.metered(0)?;
        Err(StreamError::Closed)
    }

    fn blocking_splice(
        &mut self,
        _: Resource<DynOutputStream>,
        _: Resource<DynInputStream>,
        _: u64,
    ) -> StreamResult<u64> {
        self.metered(0)?;
        Err(StreamError::Closed)
    }

    fn drop(&mut self, _: Resource<DynOutputStream>) -> wasmtime::Result<()> {
        Ok(())
    }
}
