//! Ranks that are threads.

#[cfg(target_os = "linux")]
pub(crate) mod devices;

use anyhow::bail;
use mbn_collectives::threads;

use super::*;

/// What each rank makes, in their order.
pub(crate) fn on_ranks<T: Send>(size: usize, work: impl Fn(Ranks) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let work = &work;
        let start = |rank| scope.spawn(move || work(Ranks::join(Box::new(rank)).unwrap()));
        let running: Vec<_> = threads(size).into_iter().map(start).collect();
        running.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

#[test]
fn ranks_tell_each_other_what_they_have() {
    let found = on_ranks(3, |ranks| {
        let own = vec![ranks.rank() as u8; 5 * ranks.rank()];
        let main = ranks
            .ask_main(format!("rank {}", ranks.rank()).as_bytes())
            .unwrap();
        (
            ranks.exchange(&own).unwrap(),
            main,
            ranks.on_this_machine(),
            ranks.on_these_cores(),
        )
    });
    for (rank, (all, main, machine, cores)) in found.into_iter().enumerate() {
        assert_eq!(all, [vec![], vec![1; 5], vec![2; 10]]);
        assert_eq!(main, b"rank 0");
        assert_eq!((machine, cores), ((3, rank), 3));
    }
}

#[test]
fn an_error_of_one_rank_is_an_error_of_all() {
    let ended = on_ranks(3, |ranks| {
        assert_eq!(ranks.agree(Ok(7)).unwrap(), 7);
        let own = match ranks.rank() {
            1 => Err::<(), _>(anyhow!("the disk is full")).hint(|| "make room".to_owned()),
            _ => Ok(()),
        };
        let agreed = ranks.agree(own);
        let message = mbn_cli::message(agreed.as_ref().unwrap_err());
        (message, ranks.leave(agreed.map(|()| Outcome::Success)))
    });
    for (rank, (message, left)) in ended.into_iter().enumerate() {
        let own = "the disk is full\nhint: make room";
        match rank {
            1 => assert_eq!(message, own),
            _ => assert_eq!(message, format!("rank 1 on `localhost`: {own}")),
        }
        // The main rank prints it, and the others only fail.
        match rank {
            0 => assert!(left.is_err()),
            _ => assert_eq!(left.unwrap(), Outcome::Failure),
        }
    }
}

#[test]
fn an_error_that_others_do_not_know_ends_them() {
    let ended = on_ranks(2, |ranks| {
        let own = || {
            match ranks.rank() {
                1 => bail!("out of memory"),
                _ => ranks.wait()?,
            }
            Ok(Outcome::Success)
        };
        let ended = own();
        let is_error = ended.is_err();
        // What a rank does that waits when another aborts is up to MPI.
        if ranks.rank() == 1 {
            assert_eq!(ranks.leave(ended).unwrap(), Outcome::Failure);
        }
        is_error
    });
    assert_eq!(ended, [true, true]);
}

#[test]
fn one_process_asks_nobody() {
    let ranks = Ranks::alone();
    assert!(ranks.are_one() && ranks.is_main() && ranks.describe().is_none());
    assert_eq!(
        (ranks.part(), ranks.on_this_machine()),
        (BatchPart::default(), (1, 0))
    );
    assert!(ranks.agree(Err::<(), _>(anyhow!("no"))).is_err());
    assert_eq!(ranks.exchange(b"own").unwrap(), [b"own"]);
    assert!(ranks.leave(Err(anyhow!("no"))).is_err());
}
