"""The commune itself: its settings and its structures (schools, canteen, leisure centre, crèche…)."""
