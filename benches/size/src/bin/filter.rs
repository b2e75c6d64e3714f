//! A filter for one connection.
#![no_std]
#![no_main]

firmware::program!(firmware::filter);
