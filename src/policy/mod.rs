//! Policy text to a validated [`PolicyBundle`].
