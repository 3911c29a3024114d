"""What looks after the vault as a whole: checks, sweeps, backups, and the ways out and in."""
