// Code of which much is inlined, for debug information to be read of. It need not be run.
use std::collections::HashMap;

mod deep {
    pub struct Shown<A>(pub A);

    impl<A: std::fmt::Display> Shown<A> {
        #[inline(never)]
        pub fn show(&self, n: usize) -> String {
            format!("{}{}", self.0, n)
        }
    }
}

fn main() {
    let mut lists: HashMap<String, Vec<u32>> = HashMap::new();
    for (i, argument) in std::env::args().enumerate() {
        lists.entry(deep::Shown(argument).show(i)).or_default().push(i as u32);
    }
    let mut all: Vec<_> = lists.into_iter().map(|(name, list)| (list.iter().sum::<u32>(), name)).collect();
    all.sort();
    println!("{:?}", all);
}
