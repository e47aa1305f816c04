//! Which outputs are computed from which others.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Head;
use super::operators::is_product;
use super::scope::Scope;

/// Values that are visited for an output. Large networks have a few thousand.
const MAX_VALUES: usize = 1 << 17;

/// Notes for each output the others of which a product makes it.
pub(super) fn find(scope: &Scope<'_>, heads: &mut BTreeMap<String, Head>) {
    if heads.len() < 2 {
        return;
    }
    let mut owners: HashMap<String, Vec<String>> = HashMap::new();
    for (output, head) in &*heads {
        for value in &head.values {
            owners.entry(value.clone()).or_default().push(output.clone());
        }
    }
    for (output, head) in heads {
        let behind = behind_products(scope, output);
        let others = behind.iter().filter_map(|value| owners.get(*value)).flatten();
        head.from = others.filter(|other| *other != output).cloned().collect();
    }
}

/// The values of which an output is computed with at least one product in between.
fn behind_products<'a>(scope: &Scope<'a>, output: &'a str) -> HashSet<&'a str> {
    // Each value before and behind a product.
    let mut seen = HashSet::from([(output, false)]);
    let mut queue = vec![(output, false)];
    while let Some((value, is_behind)) = queue.pop() {
        let Some(node) = scope.producer(value) else {
            continue;
        };
        let is_behind = is_behind || is_product(node.op_type());
        for input in node.input.iter().map(String::as_str) {
            if seen.len() < MAX_VALUES && seen.insert((input, is_behind)) {
                queue.push((input, is_behind));
            }
        }
    }
    let behind = seen.into_iter().filter(|(_, is_behind)| *is_behind);
    behind.map(|(value, _)| value).collect()
}
