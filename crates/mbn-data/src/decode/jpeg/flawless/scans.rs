//! The frame header and the scans (T.81, B.2.2, B.2.3 and G.1.1.1).

use super::huffman::HuffmanTables;

/// The components of a frame, and what the scans so far hold of them.
pub(super) struct Scans {
    is_progressive: bool,
    components: Vec<Component>,
}

struct Component {
    id: u8,
    /// The lowest bit that has arrived of each coefficient.
    lowest_bits: [Option<u8>; 64],
}

impl Scans {
    /// Reads a frame header. All quantisation tables must be there.
    pub(super) fn of_frame(is_progressive: bool, content: &[u8], quantisation: [bool; 4]) -> Option<Self> {
        let (_, list) = content.split_first_chunk::<6>()?;
        let mut components: Vec<Component> = Vec::new();
        for &[id, _, table] in list.as_chunks().0 {
            let is_new = components.iter().all(|component| component.id != id);
            let has_table = quantisation.get(usize::from(table)).copied() == Some(true);
            (is_new && has_table).then_some(())?;
            components.push(Component {
                id,
                lowest_bits: [None; 64],
            });
        }
        Some(Self {
            is_progressive,
            components,
        })
    }

    /// Reads a scan header.
    pub(super) fn add(&mut self, content: &[u8], huffman: &HuffmanTables) -> Option<()> {
        let (&count, rest) = content.split_first()?;
        let (list, parameters) = rest.split_at_checked(2 * usize::from(count))?;
        let [first, last, bits] = parameters.try_into().ok()?;
        let (high, low) = (bits >> 4, bits & 15);
        let is_valid = match self.is_progressive {
            false => (first, last, bits) == (0, 63, 0),
            // A band of several coefficients belongs to one component.
            true if first > 0 => first <= last && last <= 63 && count == 1 && !huffman.is_empty(),
            true => last == 0 && !huffman.is_empty(),
        };
        (is_valid && count > 0 && low <= 13 && (high == 0 || high == low + 1)).then_some(())?;
        let mut next = 0;
        for &[id, tables] in list.as_chunks().0 {
            let index = self.components.iter().position(|component| component.id == id)?;
            let component = &mut self.components[index];
            // In the order of the frame.
            (index >= next).then_some(())?;
            next = index + 1;
            let (dc, ac) = (huffman.has(0, tables >> 4), huffman.has(1, tables & 15));
            let has_tables = match (self.is_progressive, first, high) {
                (false, ..) => dc && ac,
                (true, 0, 0) => dc,
                // One more bit of the means, which takes no code.
                (true, 0, _) => true,
                (true, _, 0) => ac,
                (true, ..) => huffman.refines(tables & 15),
            };
            has_tables.then_some(())?;
            // The means come first; then each scan goes on where the last one ended.
            (first == 0 || component.lowest_bits[0].is_some()).then_some(())?;
            for lowest in &mut component.lowest_bits[usize::from(first)..=usize::from(last)] {
                (lowest.unwrap_or(0) == high && (high > 0 || lowest.is_none())).then_some(())?;
                *lowest = Some(low);
            }
        }
        Some(())
    }

    /// Whether every component has arrived.
    pub(super) fn are_complete(&self) -> bool {
        self.components
            .iter()
            .all(|component| component.lowest_bits[0].is_some())
    }
}
