//! Downloads that break off, go on and meet.

use super::*;

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
