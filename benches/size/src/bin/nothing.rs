//! Parses nothing: what a program takes without the library.
#![no_std]
#![no_main]

firmware::program!(firmware::nothing);
