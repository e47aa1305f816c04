//! Huffman tables (T.81, B.2.4.2 and C.2).

/// Largest category of a DC difference that libjpeg accepts.
const MOST_DC: u8 = 15;

/// Which tables are defined, by class (0 for DC, 1 for AC) and number.
#[derive(Default)]
pub(super) struct HuffmanTables {
    defined: [[Option<Table>; 4]; 2],
}

/// What a table can express.
#[derive(Clone, Copy)]
struct Table {
    /// Whether every new coefficient has one bit.
    refines: bool,
}

impl HuffmanTables {
    /// Adds the tables of a segment.
    pub(super) fn define(&mut self, content: &[u8]) -> Option<()> {
        let mut rest = content;
        while let Some((&head, after)) = rest.split_first() {
            let (counts, after) = after.split_first_chunk::<16>()?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, after) = after.split_at_checked(total)?;
            let class = usize::from(head >> 4);
            let defined = self.defined.get_mut(class)?.get_mut(usize::from(head & 15))?;
            let are_valid = class == 1 || symbols.iter().all(|&symbol| symbol <= MOST_DC);
            (total <= 256 && fit(counts) && are_valid).then_some(())?;
            let refines = symbols.iter().all(|&symbol| symbol & 15 <= 1);
            *defined = Some(Table { refines });
            rest = after;
        }
        (!content.is_empty()).then_some(())
    }

    /// Whether a table of a class is defined. Where the file defines none, the standard's are meant.
    pub(super) fn has(&self, class: usize, number: u8) -> bool {
        self.table(class, number).is_some() || self.is_empty() && number <= 1
    }

    /// Whether an AC table is defined that a scan of one more bit may use: what it adds has one bit.
    pub(super) fn refines(&self, number: u8) -> bool {
        self.table(1, number).is_some_and(|table| table.refines)
    }

    fn table(&self, class: usize, number: u8) -> Option<Table> {
        *self.defined[class].get(usize::from(number))?
    }

    /// Whether the file defines any.
    pub(super) fn is_empty(&self) -> bool {
        self.defined.as_flattened().iter().all(Option::is_none)
    }
}

/// Whether there are codes for so many symbols of each length. None consists of ones alone.
fn fit(counts: &[u8; 16]) -> bool {
    let mut code = 0;
    (1..).zip(counts).all(|(length, &count)| {
        code = 2 * code + u32::from(count);
        count == 0 || code < 1 << length
    })
}
