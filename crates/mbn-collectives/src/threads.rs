//! A stand-in for MPI whose ranks are threads of one process.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::{Collectives, CollectivesError};

/// A rank that is a thread.
#[derive(Debug)]
pub struct ThreadRank {
    rank: usize,
    meeting: Arc<Meeting>,
}

/// Where the ranks meet for an operation.
#[derive(Debug)]
struct Meeting {
    size: usize,
    table: Mutex<Table>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Table {
    /// What each rank has brought to this meeting.
    brought: Vec<Option<Values>>,
    /// What came of it, until all ranks have taken it.
    result: Option<Values>,
    /// Ranks that have not taken it yet.
    waiting: usize,
    /// Why there are no more meetings.
    apart: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq)]
enum Values {
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
    Bytes { root: usize, bytes: Vec<u8> },
    Nothing,
}

/// `size` ranks, one for each thread.
pub fn threads(size: usize) -> Vec<ThreadRank> {
    let table = Table {
        brought: vec![None; size],
        ..Table::default()
    };
    let meeting = Arc::new(Meeting {
        size,
        table: Mutex::new(table),
        changed: Condvar::new(),
    });
    let rank = |rank| ThreadRank {
        rank,
        meeting: Arc::clone(&meeting),
    };
    (0..size).map(rank).collect()
}

impl Meeting {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `done`, or until there are no more meetings.
    fn wait<'a>(
        &'a self,
        table: MutexGuard<'a, Table>,
        done: impl Fn(&Table) -> bool,
    ) -> Result<MutexGuard<'a, Table>, CollectivesError> {
        let waiting = |table: &mut Table| !done(table) && table.apart.is_none();
        let waited = self.changed.wait_while(table, waiting);
        let table = waited.unwrap_or_else(PoisonError::into_inner);
        match table.apart {
            Some(why) if !done(&table) => Err(CollectivesError::Apart(why)),
            _ => Ok(table),
        }
    }

    fn part(&self, why: &'static str) {
        self.table().apart.get_or_insert(why);
        self.changed.notify_all();
    }

    fn meet(&self, rank: usize, values: Values) -> Result<Values, CollectivesError> {
        // The last meeting is over when everybody has its result.
        let mut table = self.wait(self.table(), |table| table.result.is_none())?;
        table.brought[rank] = Some(values);
        if table.brought.iter().all(Option::is_some) {
            let all: Vec<_> = table.brought.iter_mut().filter_map(Option::take).collect();
            table.result = combine(all);
            table.waiting = self.size;
            if table.result.is_none() {
                table.apart.get_or_insert("they called different operations");
            }
            self.changed.notify_all();
        }
        let mut table = self.wait(table, |table| table.result.is_some())?;
        let result = table.result.clone().unwrap_or(Values::Nothing);
        table.waiting -= 1;
        if table.waiting == 0 {
            table.result = None;
            self.changed.notify_all();
        }
        Ok(result)
    }
}

/// The result of an operation, in the order of the ranks; `None` if they called different ones.
fn combine(all: Vec<Values>) -> Option<Values> {
    let mut all = all.into_iter();
    let first = all.next()?;
    all.try_fold(first, |sum, values| match (sum, values) {
        (Values::Floats(sum), Values::Floats(more)) => add(sum, &more).map(Values::Floats),
        (Values::Doubles(sum), Values::Doubles(more)) => add(sum, &more).map(Values::Doubles),
        (
            Values::Bytes { root, bytes },
            Values::Bytes {
                root: other,
                bytes: more,
            },
        ) => {
            // Only the root brings bytes.
            let bytes = if bytes.is_empty() { more } else { bytes };
            (root == other).then_some(Values::Bytes { root, bytes })
        }
        (Values::Nothing, Values::Nothing) => Some(Values::Nothing),
        _ => None,
    })
}

fn add<T: Copy + std::ops::AddAssign>(mut sum: Vec<T>, more: &[T]) -> Option<Vec<T>> {
    if sum.len() != more.len() {
        return None;
    }
    sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += *more);
    Some(sum)
}

impl Collectives for ThreadRank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.meeting.size
    }

    fn host(&self) -> &str {
        "localhost"
    }

    fn describe(&self) -> String {
        "threads".to_owned()
    }

    fn sum(&self, values: &mut [f32]) -> Result<(), CollectivesError> {
        if let Values::Floats(sums) = self.meeting.meet(self.rank, Values::Floats(values.to_vec()))? {
            values.copy_from_slice(&sums);
        }
        Ok(())
    }

    fn sum_f64(&self, values: &mut [f64]) -> Result<(), CollectivesError> {
        if let Values::Doubles(sums) = self.meeting.meet(self.rank, Values::Doubles(values.to_vec()))? {
            values.copy_from_slice(&sums);
        }
        Ok(())
    }

    fn broadcast(&self, root: usize, bytes: &mut [u8]) -> Result<(), CollectivesError> {
        let own = if self.rank == root {
            bytes.to_vec()
        } else {
            Vec::new()
        };
        let result = self.meeting.meet(self.rank, Values::Bytes { root, bytes: own })?;
        if let Values::Bytes { bytes: sent, .. } = result {
            if sent.len() != bytes.len() {
                return Err(CollectivesError::Apart("they called different operations"));
            }
            bytes.copy_from_slice(&sent);
        }
        Ok(())
    }

    fn barrier(&self) -> Result<(), CollectivesError> {
        self.meeting.meet(self.rank, Values::Nothing).map(drop)
    }

    fn leave(self: Box<Self>) -> Result<(), CollectivesError> {
        self.barrier()
    }

    fn abort(&self, _code: i32) {
        self.meeting.part("one of them aborted");
    }
}

impl Drop for ThreadRank {
    fn drop(&mut self) {
        self.meeting.part("one of them is gone");
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn on_threads<T: Send>(size: usize, work: impl Fn(&ThreadRank) -> T + Sync) -> Vec<T> {
        thread::scope(|scope| {
            let work = &work;
            let running: Vec<_> = threads(size)
                .into_iter()
                .map(|rank| scope.spawn(move || work(&rank)))
                .collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn operations_follow_each_other() {
        let results = on_threads(3, |ranks| {
            let mut seen = Vec::new();
            for round in 0..50 {
                let mut values = [ranks.rank() as f32, round as f32];
                ranks.sum(&mut values).unwrap();
                let mut counts = [(1u64 << 40) as f64 + ranks.rank() as f64];
                ranks.sum_f64(&mut counts).unwrap();
                let mut bytes = [ranks.rank() as u8; 3];
                ranks.broadcast(round % 3, &mut bytes).unwrap();
                ranks.barrier().unwrap();
                seen.push((values, counts, bytes));
            }
            seen
        });
        for result in results {
            for (round, (values, counts, bytes)) in result.into_iter().enumerate() {
                assert_eq!(values, [3.0, 3.0 * round as f32]);
                assert_eq!(counts, [3.0 * (1u64 << 40) as f64 + 3.0]);
                assert_eq!(bytes, [(round % 3) as u8; 3]);
            }
        }
    }

    #[test]
    fn nobody_waits_for_a_rank_that_is_gone_or_does_something_else() {
        let ended = on_threads(3, |ranks| {
            if ranks.rank() == 1 {
                ranks.abort(1);
                return true;
            }
            ranks.barrier().is_err()
        });
        assert_eq!(ended, [true; 3]);
        let mut gone = threads(2);
        gone.pop();
        assert!(gone[0].barrier().is_err());
        let apart = on_threads(2, |ranks| match ranks.rank() {
            0 => ranks.barrier().is_err(),
            _ => ranks.sum(&mut [1.0]).is_err(),
        });
        assert_eq!(apart, [true; 2]);
        let lengths = on_threads(2, |ranks| ranks.sum(&mut vec![0.0; ranks.rank() + 1]).is_err());
        assert_eq!(lengths, [true; 2]);
    }
}
