"""The lived-in demonstration commune, Valbrise, built through the operations like any other."""
