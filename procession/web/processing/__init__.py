"""The page of a processing, part by part: head, what stands in the way, timeline, and a panel for each tab.

*Always:* a part is made of what verbs have answered; what it reads beside (files of an attempt, its record) is of a
processing that the caller may see, and bounded.
"""
