//! What cannot be had: functions that take a file, a socket or an error that no guest can hold, and the
//! few that would make one. They are linked from what the component itself says of them.

use wasmtime::StoreContextMut;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, LinkerInstance, Resource, ResourceType, Val};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::DirectoryEntryStream;
use wasmtime_wasi::p2::bindings::sync::io::error::Error;
use wasmtime_wasi::p2::bindings::sync::sockets::ip_name_lookup::ResolveAddressStream;
use wasmtime_wasi::p2::bindings::sync::sockets::udp::{
    IncomingDatagramStream, OutgoingDatagramStream,
};
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, Network, TcpSocket, UdpSocket,
};

use crate::linker::HostLinker;
use crate::state::CallState;
use crate::stop::Stop;

/// The interfaces of which nothing works.
const ABSENT: [&str; 7] = [
    "wasi:filesystem/types",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// Links every function of those interfaces that the component imports.
pub(super) fn link(linker: &mut HostLinker, component: &Component) -> wasmtime::Result<()> {
    let engine = component.engine().clone();
    for (import, item) in component.component_type().imports(&engine) {
        let interface = import.split('@').next().unwrap_or(import);
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            continue;
        };
        if !ABSENT.contains(&interface) {
            continue;
        }
        let mut linked = linker.instance(import)?;
        for (name, item) in instance.exports(&engine) {
            match item.ty {
                ComponentItem::ComponentFunc(_) => link_function(&mut linked, interface, name)?,
                ComponentItem::Resource(_) => link_resource(&mut linked, name)?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// What becomes of a call.
#[derive(Clone, Copy)]
enum Answer {
    /// The guest is stopped: it made up a handle, or this could not be answered otherwise.
    Stop,
    /// An error of a stream is never one of the file system's or the network's, since there is neither.
    NoSuchError,
    /// Opening a socket or looking up a name is refused as a system without that right refuses it.
    Refused,
}

impl Answer {
    fn of(name: &str) -> Answer {
        match name {
            "filesystem-error-code" | "network-error-code" => Answer::NoSuchError,
            "create-tcp-socket" | "create-udp-socket" | "resolve-addresses" => Answer::Refused,
            _ => Answer::Stop,
        }
    }

    fn value(self) -> Option<Val> {
        match self {
            Answer::Stop => None,
            Answer::NoSuchError => Some(Val::Option(None)),
            Answer::Refused => {
                let code = Val::Enum("access-denied".to_owned());
                Some(Val::Result(Err(Some(Box::new(code)))))
            }
        }
    }
}

fn link_function(
    linked: &mut LinkerInstance<'_, CallState>,
    interface: &str,
    name: &str,
) -> wasmtime::Result<()> {
    let what = format!("{interface}#{name}");
    let answer = Answer::of(name);
    linked.func_new(
        name,
        move |mut store: StoreContextMut<'_, CallState>, _, params, results| {
            store.data_mut().meters.host_call(0)?;
            give_back(&mut store, params)?;
            match (answer.value(), results.first_mut()) {
                (Some(value), Some(result)) => {
                    *result = value;
                    Ok(())
                }
                _ => Err(Stop::Denied(what.clone()).into()),
            }
        },
    )
}

/// A network that a guest lends for a call has to be given back before the call ends, or the guest traps. Of
/// all that could be lent here it is the only one that a guest can have.
fn give_back(store: &mut StoreContextMut<'_, CallState>, params: &[Val]) -> wasmtime::Result<()> {
    for param in params {
        if let Val::Resource(lent) = param
            && lent.ty() == ResourceType::host::<Network>()
        {
            Resource::<Network>::try_from_resource_any(*lent, &mut *store)?;
        }
    }
    Ok(())
}

/// The types behind the resources must be those that the other interfaces are linked with.
fn link_resource(linked: &mut LinkerInstance<'_, CallState>, name: &str) -> wasmtime::Result<()> {
    let resource = match name {
        "descriptor" => ResourceType::host::<Descriptor>(),
        "directory-entry-stream" => ResourceType::host::<DirectoryEntryStream>(),
        "error" => ResourceType::host::<Error>(),
        "input-stream" => ResourceType::host::<DynInputStream>(),
        "output-stream" => ResourceType::host::<DynOutputStream>(),
        "pollable" => ResourceType::host::<DynPollable>(),
        "network" => ResourceType::host::<Network>(),
        "tcp-socket" => ResourceType::host::<TcpSocket>(),
        "udp-socket" => ResourceType::host::<UdpSocket>(),
        "incoming-datagram-stream" => ResourceType::host::<IncomingDatagramStream>(),
        "outgoing-datagram-stream" => ResourceType::host::<OutgoingDatagramStream>(),
        "resolve-address-stream" => ResourceType::host::<ResolveAddressStream>(),
        _ => return Ok(()),
    };
    linked.resource(name, resource, |_, _| Ok(()))
}
