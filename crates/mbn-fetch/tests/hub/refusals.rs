//! What is refused, and what is too large or wrong.

use super::*;

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
