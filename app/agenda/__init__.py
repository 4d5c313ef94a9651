"""Activities of the structures, and absences (R1, R8). Bookings come on top of the same activities."""
