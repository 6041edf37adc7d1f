//! `install.sh`: what it puts where and takes away again, and all that it refuses, from a release that is made as a real
//! one is. The program in it is a line of shell, but for one test.

mod release;
mod site;

mod places;
mod refusals;
mod shells;
mod web;
