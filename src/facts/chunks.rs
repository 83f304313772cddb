//! A list that grows while others read it.

use std::sync::OnceLock;

/// Values by number, in so many chunks of so many each. They stay where they are put, so that readers
/// take no lock; each is put once.
pub(crate) struct Chunks<T, const COUNT: usize, const EACH: usize>(Box<[OnceLock<Chunk<T>>]>);

type Chunk<T> = Box<[OnceLock<T>]>;

impl<T, const COUNT: usize, const EACH: usize> Default for Chunks<T, COUNT, EACH> {
    fn default() -> Self {
        Self((0..COUNT).map(|_| OnceLock::new()).collect())
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
        let chunk = chunk.map(|it| it.get_or_init(|| (0..EACH).map(|_| OnceLock::new()).collect()));
        let place = chunk.and_then(|chunk| chunk.get(at % EACH));
        place.is_some_and(|place| place.set(value).is_ok())
    }
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
