//! An MTA for one message.
#![no_std]
#![no_main]

firmware::program!(firmware::mta);
