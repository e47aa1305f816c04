//! Inputs on web servers and in S3, which a server in the test plays.

mod server;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{NAMES, Run, failure, pictures, program, results, success};
use server::{Length, Server};

fn read(folder: &TempDir, name: &str) -> Vec<u8> {
    std::fs::read(folder.path().join(name)).unwrap()
}

fn tar(folder: &TempDir) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for name in NAMES {
        archive
            .append_path_with_name(folder.path().join(name), name)
            .unwrap();
    }
    archive.into_inner().unwrap()
}

/// The program, with access to the server's buckets.
fn json(folder: &TempDir, server: &Server) -> assert_cmd::Command {
    let mut command = program(folder);
    command.args(["--format", "json", "--batch-size", "2"]);
    command
        .env("AWS_ACCESS_KEY_ID", "me")
        .env("AWS_SECRET_ACCESS_KEY", "secret");
    command
        .env("AWS_ENDPOINT", server.url(""))
        .env("AWS_REGION", "us-east-1");
    for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    command
}

/// The results of the pictures as files, with `base` before their names.
fn expected(folder: &TempDir, server: &Server, base: &str) -> Vec<(String, Value)> {
    let found = results(&failure(json(folder, server).args(NAMES), 3)).into_iter();
    found
        .map(|(path, found)| (format!("{base}{path}"), found))
        .collect()
}

/// A server with the pictures in `/photos/` and as a tar archive, which also are objects of the bucket `photos`.
fn served(folder: &TempDir) -> Server {
    let server = Server::start();
    NAMES
        .iter()
        .for_each(|name| server.put(&format!("photos/{name}"), read(folder, name)));
    server.put("photos/all.tar", tar(folder));
    server
}

#[test]
fn pictures_on_a_web_server_are_classified_as_files_are() {
    let folder = pictures();
    let server = served(&folder);
    let base = server.url("photos/");
    let all = expected(&folder, &server, &base);
    let urls = NAMES.map(|name| format!("{base}{name}"));
    assert_eq!(results(&failure(json(&folder, &server).args(&urls), 3)), all);
    let list = json(&folder, &server)
        .args(["--list", "-"])
        .write_stdin(urls.join("\n"))
        .output()
        .unwrap();
    assert_eq!(results(&Run::of(list)), all);
    server.put("list.txt", urls.join("\n").into_bytes());
    let list = server.url("list.txt");
    assert_eq!(
        results(&failure(json(&folder, &server).args(["--list", &list]), 3)),
        all
    );
    let shard = failure(json(&folder, &server).args(["--shard", "1/2"]).args(&urls), 3);
    assert_eq!(results(&shard), all[1..2]);
    let tar = format!("{base}all.tar");
    let found = failure(json(&folder, &server).arg(&tar), 3);
    assert_eq!(results(&found), expected(&folder, &server, &format!("{tar}/")));

    // What may stand behind a name.
    let signed = format!("{base}a.png?signature=a%2Fb&x");
    assert_eq!(
        results(&success(json(&folder, &server).arg(&signed)))[0].1,
        all[0].1
    );
    assert!(
        server
            .asked()
            .iter()
            .any(|asked| asked.ends_with("/photos/a.png?signature=a%2Fb&x"))
    );

    // What is wrong with one URL leaves the others alone.
    server.refuse("photos/secret.png");
    for (url, part) in [
        (format!("{base}gone.png"), "no such file on the server (404)"),
        (format!("{base}secret.png"), "access is denied"),
        (base.clone(), "cannot be listed"),
        ("http://[/x.png".to_owned(), "not a valid URL"),
    ] {
        let run = failure(json(&folder, &server).args([&url, &urls[0]]), 3);
        let found = results(&run);
        assert!(
            found[0].0 == url && found[0].1.as_str().unwrap().contains(part),
            "{found:?}"
        );
        assert_eq!(found[1], all[0]);
        assert!(
            run.stderr.contains(&format!("`{url}`: {part}")) || run.stderr.contains(part),
            "{}",
            run.stderr
        );
    }
}

/// A server that makes its answers as they are sent does not know their length.
#[test]
fn servers_need_not_tell_a_length() {
    let folder = pictures();
    let server = served(&folder);
    let base = server.url("photos/");
    let tar = format!("{base}all.tar");
    let urls = NAMES.map(|name| format!("{base}{name}"));
    for length in [Length::Chunked, Length::Closed] {
        server.tell_length(length);
        let found = results(&failure(json(&folder, &server).args(&urls), 3));
        assert_eq!(found, expected(&folder, &server, &base), "{length:?}");
        let found = results(&failure(json(&folder, &server).arg(&tar), 3));
        assert_eq!(
            found,
            expected(&folder, &server, &format!("{tar}/")),
            "{length:?}"
        );
    }
    // Such a file is in memory as a whole.
    server.put("photos/large.tar", vec![0; (64 << 20) + 1]);
    let large = format!("{base}large.tar");
    let found = results(&failure(json(&folder, &server).args([&large, &urls[0]]), 3));
    assert!(
        found[0]
            .1
            .as_str()
            .unwrap()
            .contains("does not tell the file's length"),
        "{found:?}"
    );
    assert_eq!(found[1], expected(&folder, &server, &base)[0]);
}

#[test]
fn transfers_that_break_off_are_repeated() {
    let folder = pictures();
    let server = served(&folder);
    let base = server.url("photos/");
    let all = expected(&folder, &server, &base);
    let urls = NAMES.map(|name| format!("{base}{name}"));
    for (has_tags, cuts) in [(false, 2), (true, 3)] {
        server.tag(has_tags);
        server.cut("photos/c.png", cuts);
        assert_eq!(
            results(&failure(json(&folder, &server).args(&urls), 3)),
            all,
            "{has_tags}"
        );
        assert_eq!(server.cuts_left(), 0);
    }
    // An archive goes on where it broke off, however often that happens, as long as some of it comes each time.
    let tar = format!("{base}all.tar");
    server.cut("photos/all.tar", 11);
    let found = failure(json(&folder, &server).arg(&tar), 3);
    assert_eq!(results(&found), expected(&folder, &server, &format!("{tar}/")));
    // A server without tags may have put another file in its place.
    server.tag(false);
    server.cut("photos/all.tar", 1);
    let found = results(&failure(json(&folder, &server).arg(&tar), 3));
    let (last, before) = found.split_last().unwrap();
    assert!(
        last.0 == tar && last.1.as_str().unwrap().contains("broke off"),
        "{last:?}"
    );
    assert_eq!(
        before,
        &expected(&folder, &server, &format!("{tar}/"))[..before.len()]
    );
    server.cut("photos/c.png", 100);
    let found = results(&failure(json(&folder, &server).args(&urls), 3));
    assert!(found[2].1.as_str().unwrap().contains("broke off"), "{found:?}");
}

#[test]
fn a_bucket_is_read_like_a_folder() {
    let folder = pictures();
    let server = served(&folder);
    server.put("photos/deep/er/a.png", read(&folder, "a.png"));
    server.put("photos/deep/er/label.json", b"{}".to_vec());
    server.put("photos/deep/er/bare", read(&folder, "c.png"));
    server.put("photos/deep/er/.hidden.png", read(&folder, "c.png"));
    server.put("photos/deep/folder/", Vec::new());
    let all = expected(&folder, &server, "s3://photos/");
    let (a, c) = (all[0].1.clone(), all[2].1.clone());
    let below = [
        ("s3://photos/deep/er/a.png".to_owned(), a),
        ("s3://photos/deep/er/bare".to_owned(), c),
    ];
    let everything = [&all[..], &below[..]].concat();
    for page in [2, 1000] {
        server.page(page);
        for (bucket, cuts) in [("s3://photos", 0), ("s3://photos/", 3)] {
            server.cut("photos", cuts);
            let run = failure(json(&folder, &server).arg(bucket), 3);
            assert_eq!(server.cuts_left(), 0);
            assert_eq!(results(&run), everything, "{bucket} {page}");
            assert!(
                run.stderr
                    .contains("left out: 1 tar archive, 1 text, 1 hidden file"),
                "{}",
                run.stderr
            );
        }
    }
    for (url, found) in [
        ("s3://photos/deep/", &below[..]),
        ("s3://photos/deep", &below),
        ("s3://photos/deep/er/bare", &below[1..]),
        ("s3://photos/*.png", &[all[0].clone(), all[2].clone()]),
        ("s3://photos/d*/er", &below),
        ("s3://photos/**/a.png", &[all[0].clone(), below[0].clone()]),
    ] {
        assert_eq!(results(&success(json(&folder, &server).arg(url))), found, "{url}");
    }
    let tar = failure(json(&folder, &server).arg("s3://photos/*.tar"), 3);
    assert_eq!(results(&tar), expected(&folder, &server, "s3://photos/all.tar/"));
    server.refuse("photos/secret.png");
    for (url, part) in [
        ("s3://photos/gone.png", "no such object"),
        ("s3://photos/gone/", "no object is there"),
        ("s3://photos/*.gif", "no object matches the pattern"),
        ("s3://photos/secret.png", "access is denied"),
        ("s3:///x.png", "names no bucket"),
        ("s3://nothing/", "no such bucket"),
    ] {
        let found = results(&failure(json(&folder, &server).arg(url), 3));
        assert!(found.len() == 1 && found[0].0 == url, "{found:?}");
        assert!(found[0].1.as_str().unwrap().contains(part), "{found:?}");
    }
    failure(json(&folder, &server).args(["--evaluate", "s3://photos/"]), 1);
}

/// What some tools leave in buckets, and what others call the scheme.
#[test]
fn empty_objects_cost_nothing_and_other_names_of_s3_are_known() {
    let folder = pictures();
    let server = served(&folder);
    server.put("photos/photos.backup/", Vec::new());
    server.put("photos/1.done", Vec::new());
    server.put("photos/_SUCCESS", Vec::new());
    for scheme in ["s3", "s3a", "S3"] {
        let base = format!("{scheme}://photos/");
        let found = results(&failure(json(&folder, &server).arg(&base), 3));
        assert_eq!(found, expected(&folder, &server, &base));
    }
}

/// A key that cannot be used ends the listing, and with it the run: what follows would be lost.
#[test]
fn a_listing_that_cannot_go_on_is_an_error() {
    let folder = pictures();
    let server = served(&folder);
    server.put("photos/b//x.png", read(&folder, "a.png"));
    for page in [1, 1000] {
        server.page(page);
        let run = failure(json(&folder, &server).arg("s3://photos/"), 1);
        assert!(
            run.stderr.contains("cannot list all of `s3://photos/`") && run.stderr.contains("b//x.png"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn an_output_of_objects_is_continued() {
    let folder = pictures();
    let server = served(&folder);
    let arguments = ["--bad-images", "report", "--output", "out"];
    success(json(&folder, &server).args(arguments).arg("s3://photos/"));
    let whole = std::fs::read_to_string(folder.path().join("out")).unwrap();
    std::fs::remove_file(folder.path().join("out")).unwrap();
    // The results of the first object, from a run that ends with an error after it.
    std::fs::write(folder.path().join("list"), "s3://photos/a.png\n\0\n").unwrap();
    failure(json(&folder, &server).args(arguments).args(["--list", "list"]), 1);
    assert!(folder.path().join("out.partial").exists());
    let before = server.asked().len();
    success(
        json(&folder, &server)
            .args(arguments)
            .args(["--resume", "s3://photos/"]),
    );
    assert_eq!(std::fs::read_to_string(folder.path().join("out")).unwrap(), whole);
    // What has a result is not fetched again.
    assert!(
        server.asked()[before..]
            .iter()
            .all(|asked| !asked.contains("a.png"))
    );
}

/// Many objects come at once, and their results in the order of their names.
#[test]
fn results_keep_the_order_of_many_objects() {
    let folder = pictures();
    let server = Server::start();
    // What is no picture takes no time.
    let names: Vec<_> = (0..150).map(|i| format!("many/{i:03}.png")).collect();
    names
        .iter()
        .for_each(|name| server.put(name, name.clone().into_bytes()));
    server.stall_every(7);
    let run = failure(json(&folder, &server).args(["-q", "s3://many/"]), 3);
    let found: Vec<_> = results(&run).into_iter().map(|(path, _)| path).collect();
    let expected: Vec<_> = names.iter().map(|name| format!("s3://{name}")).collect();
    assert_eq!(found, expected);
    let most = server.most_at_once();
    assert!(most > 1 && most <= 32, "{most}");
}

#[test]
fn tables_are_read_in_parts() {
    let folder = pictures();
    let server = Server::start();
    let images: Vec<_> = NAMES.iter().map(|name| read(&folder, name)).collect();
    server.put("photos/t.arrow", crate::archives::arrow(&images));
    let parquet = crate::archives::parquet(&images);
    server.put("photos/t.parquet", parquet);
    let numbered = |base: &str| -> Vec<_> {
        let found = expected(&folder, &server, "").into_iter().enumerate();
        found
            .map(|(row, (_, found))| (format!("{base}/{row}"), found))
            .collect()
    };
    for url in [
        server.url("photos/t.parquet"),
        server.url("photos/t.arrow"),
        "s3://photos/t.parquet".to_owned(),
        "s3://photos/*.arrow".to_owned(),
    ] {
        let found = results(&failure(json(&folder, &server).arg(&url), 3));
        assert_eq!(found, numbered(&url.replace('*', "t")), "{url}");
    }
    // An address that is signed for reading refuses to tell the size alone.
    server.without_heads();
    let url = server.url("photos/t.parquet");
    let found = results(&failure(json(&folder, &server).arg(&url), 3));
    assert_eq!(found, numbered(&url));
    server.without_ranges();
    let found = results(&failure(
        json(&folder, &server).arg(server.url("photos/t.parquet")),
        3,
    ));
    assert!(
        found[0].1.as_str().unwrap().contains("gives no parts"),
        "{found:?}"
    );
}
