"""The pages: what people see and do in a browser, made on the server, for whoever the API knows.

The path of a request: `site` (which page, and what surrounds it) → `page` (a function that asks verbs as the caller) →
`render` (a template; or one block of it, or JSON) → an answer with the headers of `policy`. What people do goes one
way: `acting`. What changes while they look comes one way: `live`. Nothing of this is loaded before the first page is
asked for.
"""
