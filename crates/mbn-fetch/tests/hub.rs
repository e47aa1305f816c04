//! Fetches from a server that answers as the Hub does, into the cache of the Hub's library.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "hub/server.rs"]
mod server;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mbn_fetch::hub::{Fetched, Hub, HubError, HubName, Token, Wanted, fetch};
use server::{COMMIT, FakeHub, Habits, REPOSITORY, etag};
use tempfile::TempDir;

const CONFIG: &[u8] = b"{\"architecture\": \"mobilenetv1_100\"}";

fn weights() -> Vec<u8> {
    (0..200_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}

/// A repository with weights and their configuration.
fn usual(habits: Habits) -> FakeHub {
    let files: [(&str, &[u8]); 4] = [
        ("model.safetensors", &weights()),
        ("config.json", CONFIG),
        ("README.md", b"words"),
        ("sub/other.pth", &weights()[1..]),
    ];
    FakeHub::start(&files, habits)
}

fn hub_at(endpoint: &str, folder: &TempDir) -> Hub {
    Hub {
        endpoint: endpoint.to_owned(),
        cache: folder.path().join("hub"),
        token: None,
        offline: false,
        attempts: 3,
        pause: Duration::ZERO,
        max_bytes: 1 << 20,
    }
}

fn name(rest: &str) -> HubName {
    format!("hf:{REPOSITORY}{rest}").parse().unwrap()
}

fn get(hub: &Hub, rest: &str) -> Result<Fetched, HubError> {
    fetch(hub, &name(rest), Wanted::Weights, &mut |_| {
        ControlFlow::Continue(())
    })
}

/// The repository's folder in the cache.
fn repository(hub: &Hub) -> PathBuf {
    hub.cache.join("models--owner--net.v1")
}

#[test]
fn weights_and_what_stands_beside_them_get_the_layout_of_the_hubs_library() {
    let (server, folder) = (usual(Habits::default()), TempDir::new().unwrap());
    let hub = hub_at(&server.endpoint, &folder);
    let fetched = get(&hub, "").unwrap();
    let repository = repository(&hub);
    let snapshot = repository.join("snapshots").join(COMMIT);
    assert_eq!(fetched.path, snapshot.join("model.safetensors"));
    assert_eq!(
        fetched.name.to_string(),
        format!("hf:{REPOSITORY}@{COMMIT}:model.safetensors")
    );
    assert!(fetched.downloaded && fetched.unreachable.is_none());
    assert_eq!(fs::read(&fetched.path).unwrap(), weights());
    assert_eq!(fs::read(snapshot.join("config.json")).unwrap(), CONFIG);
    assert_eq!(fs::read_to_string(repository.join("refs/main")).unwrap(), COMMIT);
    assert!(
        repository
            .join(".no_exist")
            .join(COMMIT)
            .join("preprocessor_config.json")
            .is_file()
    );
    let blob = format!("../../blobs/{}", etag(&weights()));
    assert_eq!(
        fs::read(repository.join("blobs").join(etag(CONFIG))).unwrap(),
        CONFIG
    );
    if cfg!(unix) {
        assert_eq!(fs::read_link(&fetched.path).unwrap(), Path::new(&blob));
    }
    // Others who share the cache may read what this process may write there.
    let usual = repository.join("usual");
    fs::write(&usual, "").unwrap();
    let permissions = |path: &Path| path.metadata().unwrap().permissions();
    for note in [
        "refs/main".into(),
        format!(".no_exist/{COMMIT}/preprocessor_config.json"),
    ] {
        assert_eq!(permissions(&repository.join(note)), permissions(&usual));
    }
    let mut left: Vec<_> = fs::read_dir(repository.join("blobs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    let mut expected = [etag(CONFIG), etag(&weights())];
    expected.sort();
    assert_eq!(left, expected);

    // The next time only the revision is asked for; a file of a commit is taken without asking.
    let before = server.seen().len();
    let again = get(&hub, "").unwrap();
    assert_eq!((again.path, again.downloaded), (fetched.path.clone(), false));
    assert_eq!(server.seen().len(), before + 1);
    let pinned = get(&hub, &format!("@{COMMIT}:model.safetensors")).unwrap();
    assert_eq!((pinned.path, server.seen().len()), (fetched.path, before + 1));

    // A file in a folder, of a revision with a slash.
    let other = get(&hub, "@refs/pr/1:sub/other.pth").unwrap();
    assert_eq!(fs::read(&other.path).unwrap(), weights()[1..]);
    assert_eq!(
        fs::read_to_string(repository.join("refs/refs/pr/1")).unwrap(),
        COMMIT
    );
}

/// What describes a model in the folder `onnx` stands above it; its constants may be in a file beside it.
#[test]
fn a_model_comes_with_its_constants_and_what_describes_it() {
    let files: [(&str, &[u8]); 7] = [
        ("onnx/model.onnx", &weights()),
        ("onnx/model.onnx_data", &weights()[1..]),
        ("onnx/model_fp16.onnx", b"another"),
        ("config.json", CONFIG),
        ("preprocessor_config.json", b"{}"),
        ("processor_config.json", b"{\"image_processor\": {}}"),
        ("labels.txt", b"cat"),
    ];
    let (server, folder) = (FakeHub::start(&files, Habits::default()), TempDir::new().unwrap());
    let hub = hub_at(&server.endpoint, &folder);
    let get = |rest: &str| {
        fetch(&hub, &name(rest), Wanted::Model, &mut |_| {
            ControlFlow::Continue(())
        })
        .unwrap()
    };
    let fetched = get("");
    let snapshot = repository(&hub).join("snapshots").join(COMMIT);
    assert_eq!(fetched.path, snapshot.join("onnx/model.onnx"));
    for (file, content) in files {
        let path = snapshot.join(file);
        match file.contains("fp16") {
            true => assert!(!path.exists()),
            false => assert_eq!(fs::read(path).unwrap(), content, "{file}"),
        }
    }
    // All that belongs to a commit's file is known now.
    let seen = server.seen().len();
    let again = get(&format!("@{COMMIT}:onnx/model.onnx"));
    assert_eq!((again.path, again.downloaded), (fetched.path, false));
    assert_eq!(server.seen().len(), seen);
}

#[test]
fn the_token_goes_to_the_hub_alone() {
    let (server, folder) = (usual(Habits::default()), TempDir::new().unwrap());
    let mut hub = hub_at(&server.endpoint, &folder);
    hub.token = Some(Token::new("hf_secret").unwrap());
    get(&hub, "").unwrap();
    let seen = server.seen();
    assert!(seen.iter().any(|request| request.at_store));
    for request in seen {
        let expected = (!request.at_store).then(|| "Bearer hf_secret".to_owned());
        assert_eq!(request.authorization, expected, "{request:?}");
    }
}

#[test]
fn offline_the_cache_is_enough() {
    let (server, folder) = (usual(Habits::default()), TempDir::new().unwrap());
    let online = hub_at(&server.endpoint, &folder);
    let offline = Hub {
        offline: true,
        ..online.clone()
    };
    let error = get(&offline, "").unwrap_err();
    assert!(matches!(error, HubError::Offline { .. }), "{error}");
    assert!(server.seen().is_empty());
    let path = get(&online, "").unwrap().path;
    let before = server.seen().len();
    assert_eq!(get(&offline, "").unwrap().path, path);
    assert_eq!(
        get(&offline, "@main:config.json").unwrap().path,
        path.with_file_name("config.json")
    );
    assert!(matches!(
        get(&offline, ":sub/other.pth").unwrap_err(),
        HubError::Offline { .. }
    ));
    assert_eq!(server.seen().len(), before);

    // Where nobody listens, the cache is taken too, and it is said.
    let nobody = hub_at("http://127.0.0.1:9", &folder);
    let found = get(&nobody, "").unwrap();
    assert!(found.path == path && matches!(found.unreachable, Some(HubError::Connect { .. })));
    let error = get(&nobody, ":sub/other.pth").unwrap_err();
    assert!(matches!(error, HubError::Connect { .. }), "{error}");
}

/// Without a name, the cache may have another file than the one that would be fetched.
#[test]
fn offline_no_other_file_stands_in_for_the_usual_one() {
    let files: [(&str, &[u8]); 2] = [
        ("onnx/model.onnx", b"whole"),
        ("onnx/model_quantized.onnx", b"small"),
    ];
    let (server, folder) = (FakeHub::start(&files, Habits::default()), TempDir::new().unwrap());
    let online = hub_at(&server.endpoint, &folder);
    let offline = Hub {
        offline: true,
        ..online.clone()
    };
    let get = |hub: &Hub, rest: &str| {
        fetch(
            hub,
            &name(rest),
            Wanted::Model,
            &mut |_| ControlFlow::Continue(()),
        )
    };
    let small = get(&online, ":onnx/model_quantized.onnx").unwrap().path;
    let nobody = hub_at("http://127.0.0.1:9", &folder);
    for hub in [&offline, &nobody] {
        let error = get(hub, "").unwrap_err();
        assert!(matches!(error, HubError::Unnamed { .. }), "{error}");
    }
    assert_eq!(get(&offline, ":onnx/model_quantized.onnx").unwrap().path, small);
    let whole = get(&online, "").unwrap().path;
    assert_eq!(get(&offline, "").unwrap().path, whole);
}

/// A network may be another than its weights alone tell.
#[test]
fn from_the_cache_alone_it_is_said_what_was_never_asked_for() {
    let (server, folder) = (usual(Habits::default()), TempDir::new().unwrap());
    let online = hub_at(&server.endpoint, &folder);
    let offline = Hub {
        offline: true,
        ..online.clone()
    };
    let nobody = hub_at("http://127.0.0.1:9", &folder);
    let snapshot = repository(&online).join("snapshots").join(COMMIT);
    let write = |path: &Path, content: &str| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    // As Python's `hf_hub_download` leaves it after one file.
    write(&repository(&online).join("refs/main"), COMMIT);
    write(&snapshot.join("model.safetensors"), "weights");
    let beside = [
        "config.json",
        "preprocessor_config.json",
        "processor_config.json",
        "labels.txt",
        "synset.txt",
    ];
    for hub in [&offline, &nobody] {
        assert_eq!(get(hub, "").unwrap().unknown, beside);
        let pinned = format!("@{COMMIT}:model.safetensors");
        assert_eq!(get(hub, &pinned).unwrap().unknown, beside);
    }
    // What is there, and what is known to be missing, needs no word.
    write(&snapshot.join("config.json"), "{}");
    write(
        &repository(&online)
            .join(".no_exist")
            .join(COMMIT)
            .join("synset.txt"),
        "",
    );
    assert_eq!(get(&offline, "").unwrap().unknown, beside[1..4]);
    assert!(get(&offline, ":config.json").unwrap().unknown.is_empty());
    // The Hub knows, and so does the cache from then on.
    assert!(get(&online, "").unwrap().unknown.is_empty());
    assert!(get(&offline, "").unwrap().unknown.is_empty());
    // A model in its folder is described by what stands above it too.
    write(&snapshot.join("onnx/model.onnx"), "model");
    let found = fetch(&offline, &name(""), Wanted::Model, &mut |_| {
        ControlFlow::Continue(())
    });
    assert_eq!(found.unwrap().unknown, beside.map(|file| format!("onnx/{file}")));
    // As `snapshot_download` leaves it, which notes nothing.
    fs::remove_dir_all(repository(&online).join(".no_exist")).unwrap();
    assert!(!get(&offline, "").unwrap().unknown.is_empty());
    write(&snapshot.join(".gitattributes"), "*.safetensors filter=lfs");
    assert!(get(&offline, "").unwrap().unknown.is_empty());
}

/// The layout as Python's library writes it, with one file of the repository.
#[cfg(unix)]
#[test]
fn the_cache_of_the_hubs_library_is_read() {
    let folder = TempDir::new().unwrap();
    let mut hub = hub_at("http://127.0.0.1:9", &folder);
    hub.offline = true;
    let repository = repository(&hub);
    let snapshot = repository.join("snapshots").join(COMMIT);
    for folder in [&snapshot, &repository.join("blobs"), &repository.join("refs")] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(repository.join("refs/main"), COMMIT).unwrap();
    fs::write(repository.join("blobs").join(etag(b"w")), b"w").unwrap();
    std::os::unix::fs::symlink(
        format!("../../blobs/{}", etag(b"w")),
        snapshot.join("pytorch_model.bin"),
    )
    .unwrap();
    let found = get(&hub, "").unwrap();
    assert_eq!(found.path, snapshot.join("pytorch_model.bin"));
    assert_eq!(
        found.name.to_string(),
        format!("hf:{REPOSITORY}@{COMMIT}:pytorch_model.bin")
    );
    // It says no commit, and may be as large as the disk.
    fs::write(
        repository.join("refs/main"),
        COMMIT.to_owned() + &" ".repeat(1 << 20),
    )
    .unwrap();
    assert!(matches!(get(&hub, ""), Err(HubError::Offline { .. })));
}

#[test]
fn a_broken_download_resumes() {
    let habits = Habits {
        breaks: vec![100_000, 50_000, 0],
        ..Habits::default()
    };
    let (server, folder) = (usual(habits), TempDir::new().unwrap());
    let fetched = get(&hub_at(&server.endpoint, &folder), "").unwrap();
    assert_eq!(fs::read(fetched.path).unwrap(), weights());
    assert_eq!(
        server.ranges(),
        [None, Some(100_000), Some(150_000), Some(150_000)]
    );
}

#[test]
fn a_download_resumes_where_another_process_left_it() {
    for (left, expected) in [
        (weights()[..70_000].to_vec(), vec![Some(70_000)]),
        (weights(), vec![]),
        // More than the file has is none of it.
        (vec![1; 200_001], vec![None]),
    ] {
        let (server, folder) = (usual(Habits::default()), TempDir::new().unwrap());
        let hub = hub_at(&server.endpoint, &folder);
        let blobs = repository(&hub).join("blobs");
        fs::create_dir_all(&blobs).unwrap();
        fs::write(blobs.join(format!("{}.incomplete", etag(&weights()))), left).unwrap();
        assert_eq!(fs::read(get(&hub, "").unwrap().path).unwrap(), weights());
        assert_eq!(server.ranges(), expected);
    }
}

/// Without a size and a checksum, nothing would tell that another process left something else.
#[test]
fn a_part_that_nothing_can_check_is_fetched_again() {
    let name = &etag(&weights())[..40];
    let habits = Habits {
        is_reticent: true,
        ..Habits::default()
    };
    for left in [vec![1; 70_000], vec![1; 200_000]] {
        let (server, folder) = (usual(habits.clone()), TempDir::new().unwrap());
        let hub = hub_at(&server.endpoint, &folder);
        let blobs = repository(&hub).join("blobs");
        fs::create_dir_all(&blobs).unwrap();
        fs::write(blobs.join(format!("{name}.incomplete")), left).unwrap();
        assert!(fs::read(get(&hub, "").unwrap().path).unwrap() == weights());
        assert_eq!(server.ranges(), [None]);
    }
}

#[test]
fn a_server_without_ranges_starts_over() {
    let habits = Habits {
        ranges: false,
        breaks: vec![100_000],
        ..Habits::default()
    };
    let (server, folder) = (usual(habits), TempDir::new().unwrap());
    let fetched = get(&hub_at(&server.endpoint, &folder), "").unwrap();
    assert_eq!(fs::read(fetched.path).unwrap(), weights());
}

#[test]
fn gives_up_and_keeps_what_it_has() {
    let habits = Habits {
        breaks: vec![90_000, 0, 0, 0],
        ..Habits::default()
    };
    let (server, folder) = (usual(habits), TempDir::new().unwrap());
    let hub = hub_at(&server.endpoint, &folder);
    let error = get(&hub, "").unwrap_err();
    assert!(matches!(error, HubError::Broken { done: 90_000, .. }), "{error}");
    assert!(!repository(&hub).join("blobs").join(etag(&weights())).exists());
    get(&hub, "").unwrap();
    assert_eq!(server.ranges().last(), Some(&Some(90_000)));
}

#[test]
fn other_content_than_the_hub_names_is_removed() {
    let habits = Habits {
        lies: true,
        ..Habits::default()
    };
    let (server, folder) = (usual(habits), TempDir::new().unwrap());
    let hub = hub_at(&server.endpoint, &folder);
    let error = get(&hub, "").unwrap_err();
    assert!(
        matches!(&error, HubError::Hash { expected, .. } if *expected == etag(&weights())),
        "{error}"
    );
    let left = fs::read_dir(repository(&hub).join("blobs")).unwrap();
    assert!(
        left.into_iter()
            .all(|entry| entry.unwrap().file_name() == etag(CONFIG).as_str())
    );
    let good = usual(Habits::default());
    get(&hub_at(&good.endpoint, &folder), "").unwrap();
}

#[test]
fn a_refusal_says_what_is_missing() {
    let refused = |status, code, token: bool| {
        let habits = Habits {
            refuses: Some((status, code)),
            ..Habits::default()
        };
        let (server, folder) = (usual(habits), TempDir::new().unwrap());
        let mut hub = hub_at(&server.endpoint, &folder);
        hub.token = token.then(|| Token::new("hf_secret").unwrap());
        let message = get(&hub, "").unwrap_err().to_string();
        assert!(
            !message.contains("secret") && !message.contains('\u{7}'),
            "{message}"
        );
        message
    };
    for (status, code, token, part) in [
        (
            401,
            "GatedRepo",
            false,
            "granted by its owner, and no token was sent",
        ),
        (
            403,
            "GatedRepo",
            true,
            "was not granted to the account of this token",
        ),
        (
            401,
            "RepoNotFound",
            false,
            "there is no repository `owner/net.v1`",
        ),
        (
            404,
            "RepoNotFound",
            true,
            "or it is private and this token does not open it",
        ),
        (401, "", true, "does not accept the token: because"),
        (401, "", false, "no token was sent"),
        (404, "", false, "there is no repository"),
        (403, "", true, "the server answered 403"),
        (503, "", false, "the server answered 503"),
    ] {
        let message = refused(status, code, token);
        assert!(message.contains(part), "{message}");
    }
    let (server, folder) = (usual(Habits::default()), TempDir::new().unwrap());
    let hub = hub_at(&server.endpoint, &folder);
    let message = |rest| get(&hub, rest).unwrap_err().to_string();
    assert_eq!(
        message("@v9"),
        "the repository `owner/net.v1` has no revision `v9`"
    );
    assert_eq!(
        message(":x.pth"),
        "`owner/net.v1` at `main` has no file `x.pth`; it has `model.safetensors`, `sub/other.pth`"
    );
    let other: HubName = "hf:owner/other".parse().unwrap();
    let error = fetch(&hub, &other, Wanted::Weights, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, HubError::NoRepository { .. }), "{error}");
}

#[test]
fn a_large_file_is_not_fetched() {
    let (server, folder) = (usual(Habits::default()), TempDir::new().unwrap());
    let mut hub = hub_at(&server.endpoint, &folder);
    hub.max_bytes = 199_999;
    let error = get(&hub, "").unwrap_err();
    assert!(
        matches!(
            error,
            HubError::TooLarge {
                found: Some(200_000),
                ..
            }
        ),
        "{error}"
    );
    assert!(server.ranges().is_empty());
}

/// What the first server says does not bind the second.
#[test]
fn a_file_that_turns_out_to_be_large_is_not_fetched() {
    let silent = Habits {
        is_reticent: true,
        ..Habits::default()
    };
    let larger = Habits {
        adds: 100_000,
        ..Habits::default()
    };
    let endless = |habits: &Habits| Habits {
        is_endless: true,
        ..habits.clone()
    };
    for (habits, limit, found) in [
        (silent.clone(), 199_999, Some(200_000)),
        (endless(&silent), 199_999, None),
        (larger.clone(), 299_999, Some(300_000)),
        (endless(&larger), 200_000, None),
    ] {
        let (server, folder) = (usual(habits), TempDir::new().unwrap());
        let mut hub = hub_at(&server.endpoint, &folder);
        hub.max_bytes = limit;
        let error = get(&hub, "").unwrap_err();
        assert!(
            matches!(error, HubError::TooLarge { found: f, limit: l, .. } if (f, l) == (found, limit)),
            "{error}"
        );
        let count = found.map_or(format!("more than {limit}"), |found| found.to_string());
        assert!(
            error.to_string().contains(&format!("has {count} bytes")),
            "{error}"
        );
        assert_eq!(server.ranges(), [None]);
        // Nothing of it stays.
        let blobs = fs::read_dir(repository(&hub).join("blobs")).unwrap();
        let names: Vec<_> = blobs.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [etag(CONFIG).as_str()]);
    }
    // One that is as large as it may be.
    for habits in [silent.clone(), endless(&silent), Habits::default()] {
        let (server, folder) = (usual(habits), TempDir::new().unwrap());
        let mut hub = hub_at(&server.endpoint, &folder);
        hub.max_bytes = 200_000;
        assert_eq!(fs::read(get(&hub, "").unwrap().path).unwrap(), weights());
    }
}

/// The limit is far, but the Hub has said how large the file is.
#[test]
fn no_more_is_written_than_the_hub_says() {
    for is_endless in [false, true] {
        let habits = Habits {
            adds: 100_000,
            is_endless,
            // After a part, it would say the length of the whole.
            ranges: !is_endless,
            ..Habits::default()
        };
        let (server, folder) = (usual(habits), TempDir::new().unwrap());
        let hub = hub_at(&server.endpoint, &folder);
        let mut most = 0;
        let mut watch = |progress: mbn_fetch::hub::HubProgress| {
            most = most.max(progress.done);
            ControlFlow::Continue(())
        };
        let error = fetch(&hub, &name(""), Wanted::Weights, &mut watch).unwrap_err();
        let HubError::Broken { source, .. } = &error else {
            panic!("{error}");
        };
        let reason = match is_endless {
            true => "more than it said",
            false => "300000 bytes, expected 200000",
        };
        assert!(source.to_string().contains(reason), "{source}");
        assert!(most <= 200_000, "{most}");
        let part = repository(&hub)
            .join("blobs")
            .join(format!("{}.incomplete", etag(&weights())));
        assert!(part.metadata().map_or(0, |found| found.len()) <= 200_000);
    }
}

/// Nothing that a server says makes it write outside the repository's folder.
#[test]
fn a_hostile_server_gets_nowhere() {
    let files: [(&str, &[u8]); 3] = [
        ("../../../escaped.safetensors", &weights()),
        ("/etc/escaped.safetensors", &weights()),
        ("a\\..\\escaped.safetensors", &weights()),
    ];
    let (server, folder) = (FakeHub::start(&files, Habits::default()), TempDir::new().unwrap());
    let error = get(&hub_at(&server.endpoint, &folder), "").unwrap_err();
    assert!(
        matches!(&error, HubError::NoWeights { files, .. } if files.is_empty()),
        "{error}"
    );
    for habits in [
        Habits {
            etag: Some("../../../escaped"),
            ..Habits::default()
        },
        Habits {
            redirect: Some("file:///etc/passwd"),
            ..Habits::default()
        },
        Habits {
            redirect: Some(
                "/owner/net.v1/resolve/0123456789abcdef0123456789abcdef01234567/model.safetensors",
            ),
            ..Habits::default()
        },
    ] {
        let (server, folder) = (usual(habits), TempDir::new().unwrap());
        let hub = hub_at(&server.endpoint, &folder);
        let error = get(&hub, "").unwrap_err();
        assert!(matches!(error, HubError::Malformed { .. }), "{error}");
        assert!(!folder.path().join("escaped").exists() && !hub.cache.join("escaped").exists());
    }
}

#[test]
fn stops_when_asked_and_resumes() {
    const SOON: Duration = Duration::from_secs(20);
    let habits = Habits {
        slow: true,
        ..Habits::default()
    };
    let (server, folder) = (usual(habits), TempDir::new().unwrap());
    let hub = hub_at(&server.endpoint, &folder);
    let start = Instant::now();
    let mut stop = |progress: mbn_fetch::hub::HubProgress| match progress {
        progress if progress.file == Some("model.safetensors") && progress.done >= 2 => {
            assert_eq!(progress.total, Some(200_000));
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    };
    let error = fetch(&hub, &name(""), Wanted::Weights, &mut stop).unwrap_err();
    assert!(matches!(error, HubError::Interrupted), "{error}");
    assert!(start.elapsed() < SOON);
    let fast = usual(Habits::default());
    get(&hub_at(&fast.endpoint, &folder), "").unwrap();
    assert!(matches!(fast.ranges()[..], [Some(2..)]), "{:?}", fast.ranges());
}

#[test]
fn processes_that_want_the_same_file_fetch_it_once() {
    let (server, folder) = (usual(Habits::default()), TempDir::new().unwrap());
    let hub = hub_at(&server.endpoint, &folder);
    std::thread::scope(|scope| {
        let fetches: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| get(&hub, "").unwrap().path))
            .collect();
        for fetched in fetches {
            assert_eq!(fs::read(fetched.join().unwrap()).unwrap(), weights());
        }
    });
    assert_eq!(server.ranges(), [None]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named() {
    let (server, folder) = (usual(Habits::default()), TempDir::new().unwrap());
    let hub = hub_at(&server.endpoint, &folder);
    let blobs = repository(&hub).join("blobs");
    fs::create_dir_all(&blobs).unwrap();
    let part = blobs.join(format!("{}.incomplete", etag(&weights())));
    std::os::unix::fs::symlink("/dev/full", part).unwrap();
    let error = get(&hub, "").unwrap_err();
    assert!(matches!(error, HubError::DiskFull { .. }), "{error}");
}
