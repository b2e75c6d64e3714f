"""What our filters are tried with under real MTAs: tables of cases, and the bench that runs one."""
