"""Notes.

This command wrote them, and they are yours to change:

    app new resource Note title:str=200:unique:search body:text:default=
"""
