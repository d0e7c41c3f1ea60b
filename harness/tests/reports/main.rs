//! Reports as others read them: KTAP and JUnit with parsers that are not ours, the page in a browser.

mod browser;
mod html;
mod junit;
mod ktap;
mod sample;
