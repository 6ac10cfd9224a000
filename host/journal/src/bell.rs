//! Owns the doorbells: datagram sockets beside the owners' lock files.
//!
//! A ring says that the store is worth a look, nothing else, and may be lost. A process that wants
//! to hear of mail binds `ID.bell`; one that also wants to hear of every commit binds `ID.watch`, and
//! rings once, so that those who commit see it and begin to ring back. `ID` is the name of the
//! process's lock file: a socket whose lock is free belongs to nobody.

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{broadcast, watch};

use crate::port::{Bell, Hears, Notice};

/// The longest path that every system takes as a socket's name.
const LONGEST_NAME: usize = 100;
/// Commits within this time are one ring.
const TOGETHER: Duration = Duration::from_millis(10);

/// What a socket's name ends with.
fn extension(hears: Hears) -> &'static str {
    match hears {
        Hears::Mail => "bell",
        Hears::Commits => "watch",
    }
}

/// The bells of one store, as one of its processes sees them.
pub(crate) struct Bells {
    shared: Arc<Shared>,
    ears: Mutex<Vec<Ear>>,
}

struct Shared {
    folder: PathBuf,
    /// Keeps the way through `/proc` open where the folder's own path is too long for a socket.
    door: Option<File>,
    /// The name of this process's lock file.
    id: String,
    closing: AtomicBool,
    /// Source of what is told to those who hear commits. Weak, so that whoever waits for a notice
    /// ends with the journal.
    notices: broadcast::WeakSender<Notice>,
    /// Somebody rings at them whenever there is a notice.
    announcing: Mutex<bool>,
}

/// One socket that is listened to.
struct Ear {
    hears: Hears,
    rung: watch::Sender<()>,
    /// None where there can be no socket.
    socket: Option<(Arc<UnixDatagram>, JoinHandle<()>)>,
}

impl Bells {
    /// The bells in the folder of the owners' lock files.
    pub(crate) fn new(folder: PathBuf, id: String, notices: &broadcast::Sender<Notice>) -> Self {
        let door = File::open(&folder).ok();
        Self {
            shared: Arc::new(Shared {
                folder,
                door,
                id,
                closing: AtomicBool::new(false),
                notices: notices.downgrade(),
                announcing: Mutex::new(false),
            }),
            ears: Mutex::default(),
        }
    }

    /// Listens from now on.
    pub(crate) fn listen(&self, hears: Hears) -> Bell {
        let mut ears = lock(&self.ears);
        if let Some(ear) = ears.iter().find(|ear| ear.hears == hears) {
            return ear.bell();
        }
        let ear = Ear::open(&self.shared, hears);
        let bell = ear.bell();
        ears.push(ear);
        drop(ears);
        if hears == Hears::Commits {
            // Whoever commits learns that there is somebody to tell.
            self.ring();
        }
        bell
    }

    /// Rings at everybody who hears of mail, which all do that hear anything.
    pub(crate) fn ring(&self) {
        for ear in lock(&self.ears).iter() {
            ear.rung.send_replace(());
        }
        self.shared.ring(Hears::Mail);
        self.shared.ring(Hears::Commits);
    }
}

impl Drop for Bells {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        for ear in std::mem::take(&mut *lock(&self.ears)) {
            ear.close(&self.shared);
        }
    }
}

impl Ear {
    fn open(shared: &Arc<Shared>, hears: Hears) -> Self {
        let rung = watch::Sender::new(());
        let listening = shared.bind(hears).and_then(|socket| {
            let socket = Arc::new(socket);
            let (heard, shared, teller) = (Arc::clone(&socket), Arc::clone(shared), rung.clone());
            let thread = std::thread::Builder::new()
                .name("menagerie-bell".to_owned())
                .spawn(move || shared.hear(&heard, hears, &teller));
            thread.ok().map(|thread| (socket, thread))
        });
        Self {
            hears,
            rung,
            socket: listening,
        }
    }

    fn bell(&self) -> Bell {
        Bell {
            rung: self.rung.subscribe(),
            wired: self.socket.is_some(),
        }
    }

    fn close(self, shared: &Shared) {
        let Some((socket, thread)) = self.socket else {
            return;
        };
        // Either wakes the thread: a system that does not know the one knows the other.
        let _ = socket.shutdown(std::net::Shutdown::Both);
        shared.send(&shared.name(self.hears));
        let _ = std::fs::remove_file(shared.folder.join(shared.name(self.hears)));
        // A thread that panicked has nothing to give back.
        let _ = thread.join();
    }
}

impl Shared {
    fn name(&self, hears: Hears) -> String {
        format!("{}.{}", self.id, extension(hears))
    }

    /// A path to a socket of the folder that is short enough, if there is one.
    fn path_of(&self, name: &str) -> Option<PathBuf> {
        let plain = self.folder.join(name);
        if plain.as_os_str().len() <= LONGEST_NAME {
            return Some(plain);
        }
        let door = self.door.as_ref()?;
        let through = Path::new("/proc/self/fd").join(door.as_raw_fd().to_string());
        through.is_dir().then(|| through.join(name))
    }

    fn bind(&self, hears: Hears) -> Option<UnixDatagram> {
        // A test's way to a system without such sockets, in debug builds only.
        if cfg!(debug_assertions) && std::env::var_os("MENAGERIE_TEST_NO_SOCKETS").is_some() {
            return None;
        }
        UnixDatagram::bind(self.path_of(&self.name(hears))?).ok()
    }

    /// Passes rings on until the bells are taken down.
    fn hear(self: &Arc<Self>, socket: &UnixDatagram, hears: Hears, rung: &watch::Sender<()>) {
        let mut nothing = [0_u8; 1];
        loop {
            let heard = socket.recv(&mut nothing);
            if self.closing.load(Ordering::SeqCst) {
                return;
            }
            match heard {
                Ok(_) => {
                    rung.send_replace(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The socket is of no use any more: what is left is looking from time to time.
                Err(_) => return,
            }
            if hears == Hears::Mail {
                self.announce_if_watched();
            }
        }
    }

    /// Begins to tell those who hear commits, if there are any and nobody does so yet.
    fn announce_if_watched(self: &Arc<Self>) {
        let mut announcing = lock(&self.announcing);
        if *announcing || self.others(Hears::Commits).is_empty() {
            return;
        }
        let Some(notices) = self.notices.upgrade().map(|sender| sender.subscribe()) else {
            return;
        };
        let shared = Arc::clone(self);
        let begun = std::thread::Builder::new()
            .name("menagerie-announcer".to_owned())
            .spawn(move || shared.announce(notices));
        *announcing = begun.is_ok();
    }

    /// Rings at those who hear commits after every few, as long as somebody hears.
    fn announce(&self, mut notices: broadcast::Receiver<Notice>) {
        loop {
            // What was missed is no matter: a ring stands for any number of commits.
            if let Err(broadcast::error::RecvError::Closed) = notices.blocking_recv() {
                return;
            }
            std::thread::sleep(TOGETHER);
            while !matches!(
                notices.try_recv(),
                Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed)
            ) {}
            // Held while it is looked around: whoever begins to listen now finds either the ring or
            // that nobody announces.
            let mut announcing = lock(&self.announcing);
            self.ring(Hears::Commits);
            if self.others(Hears::Commits).is_empty() {
                *announcing = false;
                return;
            }
        }
    }

    /// Sockets of other processes.
    fn others(&self, hears: Hears) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        let own = self.name(hears);
        let names = entries.flatten().filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (_, ending) = name.rsplit_once('.')?;
            (ending == extension(hears) && name != own).then_some(name)
        });
        names.collect()
    }

    fn ring(&self, hears: Hears) {
        for name in self.others(hears) {
            self.send(&name);
        }
    }

    /// Rings one bell. A queue that is full has rung already.
    fn send(&self, name: &str) {
        let Some(path) = self.path_of(name) else {
            return;
        };
        let sent = UnixDatagram::unbound().and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.send_to(&[1], &path)
        });
        if sent.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
            // Nobody is bound to it any more, and nobody will be: the name is unique for ever.
            let _ = std::fs::remove_file(self.folder.join(name));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
