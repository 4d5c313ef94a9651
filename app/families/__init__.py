"""Households, adults, children, who holds authority over whom, and what may be known of it (F1–F5, R-20…R-23)."""
