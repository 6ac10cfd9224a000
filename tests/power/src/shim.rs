//! Owns the shim between SQLite and its own VFS.
//!
//! This is unsafe code, and it has to be: a VFS is a table of C functions that get raw pointers. The
//! crates that hide the table behind a safe trait make one implement locks and shared memory anew,
//! so that a write-ahead log would be tested over an imitation. Here every call goes on to the VFS
//! that the product uses, and all that is added is to look at what is written, synced, made and
//! removed. It is linked into tests alone.
//!
//! What the pointers hold, as SQLite promises it: a `sqlite3_file` that it hands to `xOpen` has
//! `szOsFile` bytes, is aligned for any type, and is used by one thread at a time; no function of its
//! table is called before `xOpen` or after `xClose`.
#![expect(
    unsafe_code,
    reason = "a SQLite VFS is a table of C functions; see the head of this file"
)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::size_of;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rusqlite::ffi;

use crate::disk::{Disk, Inode, Step, Wanted};

/// The VFS that SQLite had before. It is never taken away.
struct Below(*mut ffi::sqlite3_vfs);
// SAFETY: SQLite itself calls a VFS from any thread.
unsafe impl Send for Below {}
// SAFETY: as above.
unsafe impl Sync for Below {}

static BELOW: OnceLock<Below> = OnceLock::new();

/// A file as SQLite sees it. The one of the VFS below follows it in memory.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    /// A `Box`, or null when the file is not on a watched disk.
    watched: *mut Watched,
}

/// A file on a watched disk.
struct Watched {
    disk: Arc<Disk>,
    path: PathBuf,
    inode: Inode,
    /// SQLite's own VFS syncs the folder of a new journal with the journal's first sync.
    sync_folder: bool,
}

/// Makes the shim the VFS of every connection that is opened from now on.
pub(crate) fn install() {
    BELOW.get_or_init(|| {
        // SAFETY: a null name asks for the default VFS, which a build for a system always has; its
        // table is copied, so that all functions but ours are its own.
        unsafe {
            let below = ffi::sqlite3_vfs_find(std::ptr::null());
            assert!(!below.is_null(), "SQLite has no VFS");
            let shim = ffi::sqlite3_vfs {
                szOsFile: size_of::<File>() as c_int + (*below).szOsFile,
                pNext: std::ptr::null_mut(),
                zName: c"power".as_ptr(),
                xOpen: Some(open),
                xDelete: Some(delete),
                ..*below
            };
            let registered = ffi::sqlite3_vfs_register(Box::leak(Box::new(shim)), 1);
            assert_eq!(registered, ffi::SQLITE_OK, "the shim is refused");
            let extended = ffi::sqlite3_auto_extension(Some(connected));
            assert_eq!(extended, ffi::SQLITE_OK, "the mutation is refused");
            Below(below)
        }
    });
}

fn below() -> *mut ffi::sqlite3_vfs {
    BELOW.get().map_or(std::ptr::null_mut(), |below| below.0)
}

/// # Safety
/// `name` is null or a C string.
unsafe fn path_of(name: *const c_char) -> Option<PathBuf> {
    if name.is_null() {
        return None;
    }
    // SAFETY: by this function's own condition.
    let name = unsafe { CStr::from_ptr(name) };
    Some(Path::new(std::ffi::OsStr::from_bytes(name.to_bytes())).to_owned())
}

/// The file of the VFS below.
///
/// # Safety
/// `file` was handed out by SQLite for the shim.
unsafe fn real(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: `szOsFile` makes room for both, one behind the other.
    unsafe { file.cast::<u8>().add(size_of::<File>()).cast() }
}

/// What the shim knows of a file.
///
/// # Safety
/// As [`real`], and the file is open.
unsafe fn watched<'file>(file: *mut ffi::sqlite3_file) -> Option<&'file mut Watched> {
    // SAFETY: `open` has written both fields; one thread uses a file at a time.
    unsafe { (*file.cast::<File>()).watched.as_mut() }
}

/// Calls a function of the VFS below on the real file.
macro_rules! forward {
    ($file:ident . $function:ident ($($argument:expr),*)) => {{
        // SAFETY: the file is open, so its table is there, and each function that the shim's table
        // has is in the table of a VFS that can keep a write-ahead log.
        unsafe {
            let real = real($file);
            match (*(*real).pMethods).$function {
                Some(function) => function(real $(, $argument)*),
                None => ffi::SQLITE_IOERR,
            }
        }
    }};
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let kinds = ffi::SQLITE_OPEN_MAIN_DB | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_WAL;
    // SAFETY: SQLite hands a file of `szOsFile` bytes and a name that lives as long as the file.
    unsafe {
        let path = path_of(name).filter(|_| flags & kinds != 0);
        let found = path.and_then(|path| Some((Disk::of(&path)?, path)));
        let real = real(file);
        (*real).pMethods = std::ptr::null();
        let open = || match (*below()).xOpen {
            Some(open) => open(below(), name, real, flags, out_flags),
            None => ffi::SQLITE_CANTOPEN,
        };
        let mut kept = std::ptr::null_mut();
        let code = match found {
            None => open(),
            Some((disk, path)) => {
                let owner = Arc::clone(&disk);
                owner.perform(Wanted::Names, open, |recorder| {
                    kept = Box::into_raw(Box::new(Watched {
                        inode: recorder.inode(&path),
                        disk,
                        path,
                        sync_folder: flags & ffi::SQLITE_OPEN_CREATE != 0
                            && flags & ffi::SQLITE_OPEN_MAIN_DB == 0,
                    }));
                })
            }
        };
        (*file.cast::<File>()).watched = kept;
        // A file without a table is not closed, and the one below has one only if it is to be.
        (*file).pMethods = match (*real).pMethods.is_null() {
            true => std::ptr::null(),
            false => &raw const METHODS,
        };
        code
    }
}

unsafe extern "C" fn delete(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    sync_folder: c_int,
) -> c_int {
    // SAFETY: SQLite hands a C string; the VFS below is there and deletes files.
    unsafe {
        let delete = || match (*below()).xDelete {
            Some(delete) => delete(below(), name, sync_folder),
            None => ffi::SQLITE_IOERR_DELETE,
        };
        let Some((path, disk)) =
            path_of(name).and_then(|path| Some((path.clone(), Disk::of(&path)?)))
        else {
            return delete();
        };
        disk.perform(Wanted::Names, delete, |recorder| {
            recorder.removed(&path);
            if sync_folder != 0 {
                recorder.note(folder_synced(&path));
            }
        })
    }
}

fn folder_synced(path: &Path) -> Step {
    Step::SyncFolder(path.parent().unwrap_or(path).to_owned())
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let code = forward!(file.xClose());
    // SAFETY: `open` made the box, if there is one, and nobody uses the file after this.
    unsafe {
        let kept = std::mem::replace(&mut (*file.cast::<File>()).watched, std::ptr::null_mut());
        if !kept.is_null() {
            drop(Box::from_raw(kept));
        }
    }
    code
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    length: c_int,
    at: i64,
) -> c_int {
    let write = || forward!(file.xWrite(bytes, length, at));
    // SAFETY: SQLite hands an open file.
    let Some(watched) = (unsafe { watched(file) }) else {
        return write();
    };
    let inode = watched.inode;
    watched.disk.perform(Wanted::Write, write, |recorder| {
        // SAFETY: SQLite hands so many bytes, and keeps them during the call.
        let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length as usize) };
        recorder.note(Step::Write {
            inode,
            at: at as u64,
            bytes: bytes.into(),
        });
    })
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    let truncate = || forward!(file.xTruncate(size));
    // SAFETY: SQLite hands an open file.
    let Some(watched) = (unsafe { watched(file) }) else {
        return truncate();
    };
    let inode = watched.inode;
    watched.disk.perform(Wanted::Write, truncate, |recorder| {
        recorder.note(Step::Resize(inode, size as u64));
    })
}

/// Of a watched file nothing is really synced: that would only take time.
unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: SQLite hands an open file.
    let Some(watched) = (unsafe { watched(file) }) else {
        return forward!(file.xSync(flags));
    };
    let new = std::mem::take(&mut watched.sync_folder);
    let (inode, path) = (watched.inode, &watched.path);
    let done = || ffi::SQLITE_OK;
    watched.disk.perform(Wanted::Sync, done, |recorder| {
        recorder.note(Step::Sync(inode));
        if new {
            recorder.note(folder_synced(path));
        }
    })
}

/// Where synchronous is turned off, a connection's wish to turn it on is not passed on.
unsafe extern "C" fn control(
    file: *mut ffi::sqlite3_file,
    operation: c_int,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: SQLite hands an open file and, for a pragma, four pointers to C strings or null.
    unsafe {
        if operation == ffi::SQLITE_FCNTL_PRAGMA
            && watched(file).is_some_and(|watched| watched.disk.synchronous_is_off())
        {
            let texts = argument.cast::<*mut c_char>();
            let named = CStr::from_ptr(*texts.add(1)).to_bytes();
            let value = *texts.add(2);
            if named.eq_ignore_ascii_case(b"synchronous")
                && !value.is_null()
                && !CStr::from_ptr(value)
                    .to_bytes()
                    .eq_ignore_ascii_case(b"off")
            {
                return ffi::SQLITE_OK;
            }
        }
    }
    forward!(file.xFileControl(operation, argument))
}

/// Called by SQLite for every new connection, before whoever opened it has it.
unsafe extern "C" fn connected(
    connection: *mut ffi::sqlite3,
    _: *mut *mut c_char,
    _: *const ffi::sqlite3_api_routines,
) -> c_int {
    // SAFETY: SQLite hands a connection that is open; its file's name lives as long.
    unsafe {
        let name = ffi::sqlite3_db_filename(connection, c"main".as_ptr());
        let disk = path_of(name).and_then(|path| Disk::of(&path));
        if disk.is_some_and(|disk| disk.synchronous_is_off()) {
            let off = c"PRAGMA synchronous = OFF".as_ptr();
            let (no_rows, nobody) = (None, std::ptr::null_mut());
            return ffi::sqlite3_exec(connection, off, no_rows, nobody, std::ptr::null_mut());
        }
    }
    ffi::SQLITE_OK
}

/// Functions that only go on to the VFS below.
macro_rules! forwarded {
    ($($name:ident = $function:ident($($argument:ident: $type:ty),*);)*) => {$(
        unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file $(, $argument: $type)*) -> c_int {
            forward!(file.$function($($argument),*))
        }
    )*};
}

forwarded! {
    read = xRead(bytes: *mut c_void, length: c_int, at: i64);
    size = xFileSize(size: *mut i64);
    take_lock = xLock(level: c_int);
    give_lock = xUnlock(level: c_int);
    is_reserved = xCheckReservedLock(answer: *mut c_int);
    sector_size = xSectorSize();
    characteristics = xDeviceCharacteristics();
    map_shared = xShmMap(page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void);
    lock_shared = xShmLock(offset: c_int, count: c_int, flags: c_int);
    unmap_shared = xShmUnmap(delete: c_int);
}

unsafe extern "C" fn barrier(file: *mut ffi::sqlite3_file) {
    // SAFETY: as for `forward`.
    unsafe {
        let real = real(file);
        if let Some(barrier) = (*(*real).pMethods).xShmBarrier {
            barrier(real);
        }
    }
}

/// Version 2: with shared memory, and without memory-mapped files, whose writes nobody would see.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(size),
    xLock: Some(take_lock),
    xUnlock: Some(give_lock),
    xCheckReservedLock: Some(is_reserved),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(map_shared),
    xShmLock: Some(lock_shared),
    xShmBarrier: Some(barrier),
    xShmUnmap: Some(unmap_shared),
    xFetch: None,
    xUnfetch: None,
};
