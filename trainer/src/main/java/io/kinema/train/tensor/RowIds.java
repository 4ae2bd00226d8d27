package io.kinema.train.tensor;

/** The rows of a table that {@link Device#embedding} looks up. A device may keep a copy of them. */
public final class RowIds {
    private final int[] ids;
    private final DeviceCopies copies = new DeviceCopies();

    private RowIds(int[] ids) {
        this.ids = ids;
    }

    /**
     * Keeps the numbers of rows.
     *
     * @param ids at least one, each at least 0
     * @return the rows
     * @throws IllegalArgumentException when there is none or a negative one
     */
    public static RowIds of(int... ids) {
        if (ids.length == 0) {
            throw new IllegalArgumentException("no rows to look up");
        }
        for (int id : ids) {
            if (id < 0) {
                throw new IllegalArgumentException("id " + id + " is no row of a table");
            }
        }
        return new RowIds(ids.clone());
    }

    /**
     * Returns how many rows are looked up.
     *
     * @return at least 1
     */
    public int count() {
        return ids.length;
    }

    /**
     * Returns one row.
     *
     * @param i its place, from 0
     * @return a row of the table
     */
    public int get(int i) {
        return ids[i];
    }

    /**
     * Returns all rows.
     *
     * @return a fresh array
     */
    public int[] toArray() {
        return ids.clone();
    }

    /**
     * Returns what devices have made of the rows.
     *
     * @return a device's own copy, by device
     */
    public DeviceCopies copies() {
        return copies;
    }

    /**
     * Requires that a table has all rows.
     *
     * @param tableVD the table [V, D]
     * @throws IllegalArgumentException when it has not
     */
    public void requireInside(Tensor tableVD) {
        Shapes.requireRank("table", tableVD, 2);
        for (int id : ids) {
            if (id >= tableVD.dim(0)) {
                throw new IllegalArgumentException(
                        "id " + id + " is no row of the table " + Shapes.text(tableVD.shape()));
            }
        }
    }
}
