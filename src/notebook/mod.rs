//! `.ipynb` files, in and out. Later work: records, replay, export.
