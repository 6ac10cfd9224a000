//! Names, digests, replacement while calls are in flight, and compiled code on disk.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use menagerie_sandbox::{
    CallSpec, Catalogue, Ended, Engine, EngineConfig, Grants, Limits, LoadError, Origin, Refusals,
    WASMTIME_VERSION, digest_of,
};

use crate::support::{ENGINE, component, output, spec, with_manifest};

fn empty() -> Catalogue {
    Catalogue::new(ENGINE.clone(), None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_is_replaced_under_its_name_while_a_call_runs_on() {
    let catalogue = empty();
    let old = catalogue
        .install("agent", &component("loop_in_process"), &Grants::none())
        .unwrap();
    let limits = Limits {
        fuel: u64::MAX >> 1,
        ..Limits::default()
    };
    let flying = CallSpec {
        limits,
        ..spec(catalogue.get("agent").unwrap())
    };
    let cancel = flying.cancel.clone();
    let running = tokio::spawn(ENGINE.call(flying));

    let new = catalogue
        .install("agent", &component("works"), &Grants::none())
        .unwrap();
    assert_ne!(old.digest(), new.digest());
    assert!(Arc::ptr_eq(&catalogue.get("agent").unwrap(), &new));
    let report = ENGINE.call(spec(catalogue.get("agent").unwrap())).await;
    assert_eq!(output(&report), "{\"answer\":42}");

    assert!(!running.is_finished());
    cancel.cancel();
    assert_eq!(running.await.unwrap().ended, Ended::Cancelled);
    assert_eq!(catalogue.names(), ["agent"]);
}

#[test]
fn a_refused_replacement_leaves_the_name_as_it_was() {
    let catalogue = empty();
    let old = catalogue
        .install("agent", &component("works"), &Grants::none())
        .unwrap();
    catalogue
        .install("agent", &component("wants_http"), &Grants::none())
        .unwrap_err();
    assert!(Arc::ptr_eq(&catalogue.get("agent").unwrap(), &old));
    assert!(catalogue.remove("agent").is_some());
    assert!(catalogue.get("agent").is_none());
}

#[test]
fn a_plugin_that_somebody_holds_is_found_by_digest_and_shared() {
    let catalogue = empty();
    let held = catalogue
        .load(&component("works"), &Grants::none())
        .unwrap();
    let digest = held.digest().to_owned();
    assert!(Arc::ptr_eq(&catalogue.by_digest(&digest).unwrap(), &held));
    assert!(Arc::ptr_eq(
        &catalogue
            .load(&component("works"), &Grants::none())
            .unwrap(),
        &held
    ));
    drop(held);
    assert!(catalogue.by_digest(&digest).is_none());
}

fn cached(folder: &Path) -> Catalogue {
    Catalogue::new(ENGINE.clone(), Some(folder.join("compiled")))
}

fn origin(folder: &Path) -> Origin {
    let catalogue = cached(folder);
    let origin = catalogue
        .load(&component("works"), &Grants::none())
        .unwrap()
        .origin();
    assert_eq!(catalogue.cache_trouble(), None);
    origin
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let engines = fs::read_dir(folder.join("compiled")).unwrap();
    engines
        .flat_map(|engine| fs::read_dir(engine.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_start_compiles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(origin(folder.path()), Origin::Compiled);
    assert_eq!(origin(folder.path()), Origin::Cached);
    let plugin = cached(folder.path())
        .load(&component("works"), &Grants::none())
        .unwrap();
    assert_eq!(output(&ENGINE.call(spec(plugin)).await), "{\"answer\":42}");
    assert_eq!(files(folder.path(), "tmp"), Vec::<PathBuf>::new());
}

#[test]
fn damaged_compiled_code_is_compiled_anew() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(origin(folder.path()), Origin::Compiled);
    for (extension, damage) in [
        ("cwasm", flip as fn(&Path)),
        ("cwasm", shorten),
        ("cwasm", remove),
        ("sum", flip),
        ("sum", remove),
    ] {
        let [file] = &files(folder.path(), extension)[..] else {
            panic!("one {extension} was expected")
        };
        damage(file);
        assert_eq!(origin(folder.path()), Origin::Compiled, "{extension}");
        assert_eq!(origin(folder.path()), Origin::Cached, "{extension}");
    }
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn shorten(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_may_write_is_not_trusted() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(origin(folder.path()), Origin::Compiled);
    let [engine] = &fs::read_dir(folder.path().join("compiled"))
        .unwrap()
        .collect::<Vec<_>>()[..]
    else {
        panic!("one engine was expected")
    };
    let engine = engine.as_ref().unwrap().path();
    fs::set_permissions(&engine, fs::Permissions::from_mode(0o777)).unwrap();
    let catalogue = cached(folder.path());
    assert!(
        catalogue
            .cache_trouble()
            .unwrap()
            .contains("others may write")
    );
    let plugin = catalogue
        .load(&component("works"), &Grants::none())
        .unwrap();
    assert_eq!(plugin.origin(), Origin::Compiled);
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_can_put_another_in_the_place_of_is_not_trusted() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("open");
    fs::create_dir(&open).unwrap();
    let cache = open.join("cache");
    assert_eq!(origin(&cache), Origin::Compiled);
    assert_eq!(origin(&cache), Origin::Cached);
    let trouble = |cache: &Path| cached(cache).cache_trouble().unwrap_or_default();
    let loaded = |cache: &Path| {
        let plugin = cached(cache).load(&component("works"), &Grants::none());
        plugin.unwrap().origin()
    };
    assert_eq!(trouble(&cache), "");

    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let link = folder.path().join("link");
    symlink(&cache, &link).unwrap();
    for cache in [&cache, &link] {
        let told = trouble(cache);
        assert!(told.starts_with("others may write"), "{told}");
        assert!(told.contains(&*open.to_string_lossy()), "{told}");
        assert_eq!(loaded(cache), Origin::Compiled);
    }
    // As in /tmp, where nobody may move what is another's.
    fs::set_permissions(&open, fs::Permissions::from_mode(0o1777)).unwrap();
    assert_eq!(trouble(&cache), "");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();

    // Only the system's user can give files away; for all others `cache.rs` tests the rule by itself.
    let given = fs::read_dir(cache.join("compiled")).unwrap().next();
    let given = given.unwrap().unwrap().path();
    for theirs in [given, open] {
        if std::os::unix::fs::chown(&theirs, Some(54_321), None).is_err() {
            return;
        }
        let told = trouble(&cache);
        assert!(told.starts_with("another user owns"), "{told}");
        assert_eq!(loaded(&cache), Origin::Compiled);
    }
}

#[test]
fn an_engine_with_other_settings_does_not_take_this_ones_code() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(origin(folder.path()), Origin::Compiled);
    let config = EngineConfig {
        stack_bytes: 256 << 10,
        concurrent_calls: 2,
        ..EngineConfig::default()
    };
    let other = Engine::new(&config).unwrap();
    assert_ne!(other.fingerprint(), ENGINE.fingerprint());
    let catalogue = Catalogue::new(other, Some(folder.path().join("compiled")));
    let plugin = catalogue
        .load(&component("works"), &Grants::none())
        .unwrap();
    assert_eq!(plugin.origin(), Origin::Compiled);
}

#[test]
fn the_fingerprint_names_the_wasmtime_that_is_locked() {
    let lock =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock")).unwrap();
    let entry = format!("name = \"wasmtime\"\nversion = \"{WASMTIME_VERSION}\"\n");
    assert!(
        lock.contains(&entry),
        "engine.rs says {WASMTIME_VERSION}, the lock file something else"
    );
    assert!(
        ENGINE.fingerprint().contains(WASMTIME_VERSION),
        "{}",
        ENGINE.fingerprint()
    );
}

/// Answers with a number of two digits, and with no other.
fn answering(number: u32) -> Vec<u8> {
    let text = crate::support::text("works").replace("42}", &format!("{number}}}"));
    let manifest = format!(r#"{{"name":"works","version":"0.{number}.0","kind":"agent"}}"#);
    with_manifest(crate::support::encoded(&text), &manifest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_swaps_under_sixty_four_callers_fail_no_call_and_mix_none() {
    const SWAPS: u32 = 100;
    let versions: Vec<(u32, Vec<u8>)> =
        (10..60).map(|number| (number, answering(number))).collect();
    let answers: Arc<HashMap<String, String>> = Arc::new(
        versions
            .iter()
            .map(|(number, bytes)| (digest_of(bytes), format!("{{\"answer\":{number}}}")))
            .collect(),
    );
    let catalogue = empty();
    catalogue
        .install("agent", &versions[0].1, &Grants::none())
        .unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..64)
        .map(|_| {
            let (catalogue, answers, over) = (catalogue.clone(), answers.clone(), over.clone());
            tokio::spawn(async move {
                let mut seen = HashSet::new();
                let mut calls = 0_u32;
                while !over.load(Ordering::Acquire) || calls == 0 {
                    let plugin = catalogue.get("agent").unwrap();
                    let digest = plugin.digest().to_owned();
                    let report = ENGINE.call(spec(plugin)).await;
                    assert_eq!(output(&report), answers[&digest]);
                    seen.insert(digest);
                    calls += 1;
                }
                (calls, seen)
            })
        })
        .collect();
    let swapping = {
        let catalogue = catalogue.clone();
        tokio::task::spawn_blocking(move || {
            for swap in 0..SWAPS {
                let (_, bytes) = &versions[swap as usize % versions.len()];
                catalogue.install("agent", bytes, &Grants::none()).unwrap();
            }
        })
    };
    swapping.await.unwrap();
    over.store(true, Ordering::Release);
    let (mut calls, mut seen) = (0, HashSet::new());
    for caller in callers {
        let (made, met) = caller.await.unwrap();
        calls += made;
        seen.extend(met);
    }
    assert!(calls >= SWAPS, "{calls} calls beside {SWAPS} swaps");
    assert!(
        seen.len() > 10,
        "the callers met {} of 50 versions",
        seen.len()
    );
}

/// Refuses one digest.
struct Revoked(String);

impl Refusals for Revoked {
    fn refused(&self, digest: &str) -> Option<String> {
        (digest == self.0).then(|| "it was stolen".to_owned())
    }
}

#[test]
fn what_was_revoked_is_not_loaded_though_somebody_holds_it() {
    let bytes = component("works");
    let catalogue = empty();
    let held = catalogue.load(&bytes, &Grants::none()).unwrap();
    let refusing = catalogue.refusing(Arc::new(Revoked(held.digest().to_owned())));
    let refused = refusing.load(&bytes, &Grants::none()).unwrap_err();
    let expected = LoadError::Revoked {
        digest: held.digest().to_owned(),
        reason: "it was stolen".to_owned(),
    };
    assert_eq!(refused, expected);
    refusing
        .load(&component("well_behaved"), &Grants::none())
        .unwrap();
}
