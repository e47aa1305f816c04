use super::system::kept_mode;

#[test]
fn a_mode_gives_no_group_more_than_it_had() {
    for (mode, same_owner, same_group, expected) in [
        (0o100_640, true, true, 0o640),
        (0o104_755, true, true, 0o4755),
        (0o104_755, false, true, 0o755),
        (0o102_755, true, false, 0o755),
        (0o640, true, false, 0o600),
        (0o664, true, false, 0o644),
        // The old group, which could not read it, is among the others now.
        (0o604, true, false, 0o600),
        (0o644, false, false, 0o644),
        (0o660, false, false, 0o600),
    ] {
        let found = kept_mode(mode, same_owner, same_group);
        assert_eq!(found, expected, "{mode:o} became {found:o}");
    }
}
