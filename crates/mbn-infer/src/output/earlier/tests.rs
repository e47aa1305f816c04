//! Files of results, whole and cut.

use super::*;

const JSON: [&str; 3] = [
    "{\"path\":\"a.png\",\"predictions\":[]}\n",
    "{\"path\":\"b\\n.png\",\"error\":\"no image\"}\n",
    "{\"path\":\"c.png\",\"predictions\":[{\"label\":\"x\",\"index\":4}]}\n",
];
const CSV: [&str; 4] = [
    "path,rank,label,index,probability,error\n",
    "a.png,1,x,0,0.5,\na.png,2,\"y \"\"z\"\"\",1,0.25,\n",
    "\"b\n,.png\",,,,,\"no\nimage\"\n",
    "a.png,1,x,0,0.5,\na.png,2,\"q\nr\",1,0.25,\n",
];

/// With all columns. The second image has fewer rows than there may be, the third as many.
const CSV_IN_FULL: [&str; 5] = [
    "path,rank,label,index,probability,error,uncertain,logit,features\n",
    "a.png,1,x,0,0.5,,true,1.5,\"[1,2]\"\n",
    "\"b\n,.png\",,,,,no image,,,\n",
    "a.png,1,x,0,0.5,,false,1.5,\"[1,2]\"\na.png,2,y,1,0.5,,false,1.5,\n",
    "a.png,1,x,0,0.5,,false,1.5,\"[1,2]\"\n",
];
const ALL: Extra = Extra {
    uncertain: true,
    logits: true,
    features: true,
    true_class: false,
};
const NONE: Extra = Extra {
    uncertain: false,
    logits: false,
    features: false,
    true_class: false,
};

fn read_as(content: &[u8], lines: Lines, may_be_cut: bool) -> (Vec<Earlier>, u64) {
    let open = || Results::new(Box::new(io::Cursor::new(content.to_vec())), lines, may_be_cut).unwrap();
    let found: Vec<_> = open().map(Result::unwrap).collect();
    let counts = open().count().unwrap();
    assert_eq!(counts.inputs(), found.len() as u64);
    let failed = found.iter().filter(|found| found.failed).count();
    assert_eq!(counts.failed, failed as u64);
    (found, counts.end)
}

/// Reads a file of which both readings give the same.
fn read(content: &[u8], lines: Lines) -> (Vec<Earlier>, u64) {
    let found = read_as(content, lines, true);
    assert_eq!(read_as(content, lines, false), found);
    found
}

fn ends(parts: &[&str]) -> Vec<usize> {
    let ends = parts.iter().scan(0, |end, part| {
        *end += part.len();
        Some(*end)
    });
    std::iter::once(0).chain(ends).collect()
}

/// Whatever instant a process is killed at, what counts is a whole number of results, and all of those that are whole.
#[test]
fn a_file_that_is_cut_anywhere_keeps_its_whole_results() {
    for (parts, lines) in [
        (&JSON[..], Lines::Json),
        (&CSV, Lines::Csv(NONE, RowCount::Always(2))),
    ] {
        let whole = parts.concat();
        let all = read(whole.as_bytes(), lines).0;
        assert_eq!(all.len(), 3);
        assert!(all[1].failed && all[1].path.contains('\n'));
        let classes = |lines| match lines {
            Lines::Json => vec![(4, "x".to_owned())],
            Lines::Csv(..) => vec![(0, "x".to_owned()), (1, "q\nr".to_owned())],
        };
        assert_eq!(all[2].classes, classes(lines));
        for cut in 0..=whole.len() {
            let (found, end) = read(&whole.as_bytes()[..cut], lines);
            assert_eq!(found, all[..found.len()]);
            let last = ends(parts).into_iter().rfind(|end| *end <= cut);
            assert_eq!(Some(end as usize), last, "{lines:?}, {cut}");
        }
    }
}

/// Where images have different numbers of rows, the last one counts if it has as many as there may be, or if another follows.
#[test]
fn an_image_that_may_lack_rows_does_not_count() {
    let lines = Lines::Csv(ALL, RowCount::UpTo(2));
    let whole = CSV_IN_FULL.concat();
    let (all, end) = read_as(whole.as_bytes(), lines, false);
    assert_eq!((all.len(), end as usize), (4, whole.len()));
    let ends = ends(&CSV_IN_FULL);
    let second_row = |after: usize| after + whole[after..].find('\n').unwrap() + 1;
    for cut in 0..=whole.len() {
        let (found, end) = read_as(&whole.as_bytes()[..cut], lines, true);
        assert_eq!(found, all[..found.len()]);
        // The first image counts when the second has its row, and nothing shows that the last one is whole.
        let counted = [0, ends[1], ends[3], ends[4]];
        let last = counted.into_iter().rfind(|end| *end <= cut);
        assert_eq!(Some(end as usize), last, "{cut}");
        // What was cut there is whole, and is continued after the same images.
        assert_eq!(
            read_as(&whole.as_bytes()[..end as usize], lines, false),
            (found, end)
        );
    }
    // Rows are never taken for those of another image.
    let torn = &whole[..second_row(ends[3])];
    assert_eq!(read_as(torn.as_bytes(), lines, true).0.len(), 2);
    let mixed = [torn, "c.png,2,y,1,0.5,,false,1.5,\n"].concat();
    assert_eq!(read_as(mixed.as_bytes(), lines, false).0.len(), 2);
    // Nor are files with other columns.
    let fewer = Lines::Csv(NONE, RowCount::UpTo(2));
    assert_eq!(read(whole.as_bytes(), fewer), (Vec::new(), 0));
}

/// After a loss of power a file may end in zeros.
#[test]
fn what_is_no_result_ends_the_results() {
    let whole = JSON.concat();
    let zeros = [whole.as_bytes(), &[0; 5000], b"\n", whole.as_bytes()].concat();
    let (found, end) = read(&zeros, Lines::Json);
    assert_eq!((found.len(), end as usize), (3, whole.len()));
    for other in [
        "[]\n",
        "{\"path\":\"a\"}\n",
        "a text\n",
        "{\"path\":1,\"error\":\"x\"}\n",
        "{\"path\":\"a\",\"predictions\":[{\"label\":\"x\"}]}\n",
    ] {
        assert_eq!(read(other.as_bytes(), Lines::Json), (Vec::new(), 0));
    }
    let other_rows = "path,rank,label,index,probability,error\na.png,1,x,0,0.5,\nb.png,1,x,0,0.5,\n";
    assert_eq!(
        read(other_rows.as_bytes(), Lines::Csv(NONE, RowCount::Always(2)))
            .0
            .len(),
        0
    );
    assert_eq!(
        read(other_rows.as_bytes(), Lines::Csv(NONE, RowCount::Always(1)))
            .0
            .len(),
        2
    );
    assert_eq!(
        read(whole.as_bytes(), Lines::Csv(NONE, RowCount::Always(1))),
        (Vec::new(), 0)
    );
}
