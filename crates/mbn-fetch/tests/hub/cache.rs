//! The cache, and what is taken from it.

use super::*;

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
