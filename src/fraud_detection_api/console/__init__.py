"""The console: pages for people, served at /console. A page is a template, a view model and a route."""
