package io.kinema.train.sweep;

/** What a fit finds. */
enum Quantity {
    E("E", "what no model and no data remove"),
    A("A", "of A/N^α"),
    ALPHA("α", "of A/N^α"),
    B("B", "of B/D^β"),
    BETA("β", "of B/D^β"),
    LAW_N("a, by the law", "of N ∝ C^a"),
    LAW_D("b, by the law", "of D ∝ C^b"),
    ISOFLOP_N("a, by isoFLOP parabolas", "of N ∝ C^a"),
    ISOFLOP_D("b, by isoFLOP parabolas", "of D ∝ C^b"),
    CURVES_N("a, by the minimum over curves", "of N ∝ C^a"),
    CURVES_D("b, by the minimum over curves", "of D ∝ C^b"),
    KAPLAN_N("α_N", "of the lowest losses over N, no offset"),
    KAPLAN_D("α_D", "of the lowest losses over D, no offset"),
    KAPLAN_C("α_C", "of the lowest losses over C, no offset"),
    FRONTIER_OFFSET("L∞", "of L∞ + k/C^γ through the lowest losses over C"),
    FRONTIER_EXPONENT("γ", "of L∞ + k/C^γ through the lowest losses over C");

    private final String symbol;
    private final String meaning;

    Quantity(String symbol, String meaning) {
        this.symbol = symbol;
        this.meaning = meaning;
    }

    String symbol() {
        return symbol;
    }

    String meaning() {
        return meaning;
    }
}
