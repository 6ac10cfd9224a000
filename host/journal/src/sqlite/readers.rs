//! Owns the threads that read, each with its own connection, and that write large content files.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::contents::Contents;
use super::fault::{Faults, Trouble};
use super::stored::Stored;
use crate::error::Error;

/// How many; they block on the disk, so a number of processors would say nothing.
const THREADS: usize = 2;

type Job = Box<dyn FnOnce(&Stored<'_>) + Send>;

/// A handle to the threads, which end when it is dropped.
pub(super) struct Readers {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
    faults: Faults,
}

impl Readers {
    pub(super) fn start(
        connect: impl Fn() -> Result<Connection, Error>,
        contents: &Arc<Contents>,
        faults: &Faults,
    ) -> Result<Self, Error> {
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let mut threads = Vec::with_capacity(THREADS);
        for _ in 0..THREADS {
            let connection = connect()?;
            let (waiting, contents) = (Arc::clone(&waiting), Arc::clone(contents));
            let thread = std::thread::Builder::new()
                .name("menagerie-reader".to_owned())
                .spawn(move || serve(&connection, &contents, &waiting))
                .map_err(|error| faults.io(&faults.folder, error))?;
            threads.push(thread);
        }
        Ok(Self {
            jobs: Some(jobs),
            threads,
            faults: faults.clone(),
        })
    }

    /// Runs some work on one of the threads, within one read transaction.
    pub(super) async fn read<T, F>(&self, context: &'static str, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Stored<'_>) -> Result<T, Trouble<Error>> + Send + 'static,
    {
        let faults = self.faults.clone();
        self.run(move |stored| {
            let answer = (|| {
                // All statements of one piece of work see the store at the same moment.
                let transaction = stored.connection.unchecked_transaction()?;
                let answer = work(stored)?;
                transaction.finish()?;
                Ok(answer)
            })();
            answer.map_err(|trouble| faults.settle(context, trouble))
        })
        .await
    }

    /// Runs some work on one of the threads.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Stored<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |stored| {
            // A caller who has gone away is not told.
            let _ = answer.send(work(stored));
        });
        let jobs = self.jobs.as_ref().ok_or(Error::Closed)?;
        jobs.send(job).map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing to give back.
            let _ = thread.join();
        }
    }
}

fn serve(connection: &Connection, contents: &Contents, jobs: &Mutex<Receiver<Job>>) {
    let stored = Stored {
        connection,
        contents,
    };
    loop {
        // One of the threads waits holding the lock, and gives it up as soon as it has a job.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(job) => job(&stored),
            Err(_) => return,
        }
    }
}
