//! A list that grows while others read it.

use std::sync::OnceLock;

/// Values by number, in so many chunks of so many each. They stay where they are put, so that readers
/// take no lock; each is put once.
///
/// Who reads one goes two steps, whose bounds are known when this is compiled.
pub(crate) struct Chunks<T, const COUNT: usize, const EACH: usize>(
    Box<[OnceLock<Chunk<T, EACH>>; COUNT]>,
);

type Chunk<T, const EACH: usize> = Box<[OnceLock<T>; EACH]>;

impl<T, const COUNT: usize, const EACH: usize> Default for Chunks<T, COUNT, EACH> {
    fn default() -> Self {
        Self(empty())
    }
}

impl<T, const COUNT: usize, const EACH: usize> Chunks<T, COUNT, EACH> {
    /// How many values there is room for.
    pub(crate) const ROOM: usize = COUNT * EACH;

    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.0.get(at / EACH)?.get()?.get(at % EACH)?.get()
    }

    /// Puts a value in a place that is empty; false where it is not, or where there is no such place.
    pub(crate) fn put(&self, at: usize, value: T) -> bool {
        let chunk = self.0.get(at / EACH);
        let place = chunk.and_then(|chunk| chunk.get_or_init(empty).get(at % EACH));
        place.is_some_and(|place| place.set(value).is_ok())
    }
}

fn empty<T, const COUNT: usize>() -> Box<[OnceLock<T>; COUNT]> {
    Box::new(std::array::from_fn(|_| OnceLock::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_put_once_and_none_is_beyond_the_room() {
        let chunks = Chunks::<usize, 2, 3>::default();
        for at in 0..Chunks::<usize, 2, 3>::ROOM {
            assert_eq!(chunks.get(at), None);
            assert!(chunks.put(at, at * 10));
            assert!(!chunks.put(at, 7));
        }
        assert!(!chunks.put(6, 60));
        assert_eq!(
            (0..8).map(|at| chunks.get(at).copied()).collect::<Vec<_>>(),
            [Some(0), Some(10), Some(20), Some(30), Some(40), Some(50), None, None,]
        );
    }
}
