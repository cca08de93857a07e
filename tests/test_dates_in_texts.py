"""Which dates printed in a text are found, what each states, what it leaves open, and what is no date."""

import sys
from collections.abc import Callable
from datetime import date, timedelta
from itertools import chain, product
from types import FrameType
from typing import Any
from unicodedata import normalize

import pytest
from babel.dates import format_date
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.domain import edtf
from app.domain.months import month
from app.text import dates
from app.text.dates import DAY, ORDER, RELATIVE, YEAR, Date, dates_in

many = settings(derandomize=True, deadline=None, max_examples=300)

STATED = {
    "English": """
        20 May 2025 = 2025-05-20
        1 January 2001 = 2001-01-01
        May 20, 2025 = 2025-05-20
        May 20 2025 = 2025-05-20
        20th May 2025 = 2025-05-20
        20th of May 2025 = 2025-05-20
        the 20th of May, 2025 = 2025-05-20
        May 20th, 2025 = 2025-05-20
        Tuesday, 20 May 2025 = 2025-05-20
        Tuesday 20 May 2025 = 2025-05-20
        Fri, Apr 24 2026 10:38:19 pm = 2026-04-24
        20-May-2025 = 2025-05-20
        3 Sept. 2025 = 2025-09-03
        MAY 20, 2025 = 2025-05-20
        20 MAY 2025 = 2025-05-20
        2025 May 20 = 2025-05-20
        17 May 1865 = 1865-05-17
        29 February 2024 = 2024-02-29
        17–18 June 2025 = 2025-06-17/2025-06-18
        17-18 June 2025 = 2025-06-17/2025-06-18
        17 - 18 June, 2025 = 2025-06-17/2025-06-18
        17 and 18 June 2025 = 2025-06-17/2025-06-18
        17, 18 and 19 June 2025 = 2025-06-17/2025-06-19
        17, 18, and 19 June 2025 = 2025-06-17/2025-06-19
        17th to 18th June 2025 = 2025-06-17/2025-06-18
        from 17 to 18 June 2025 = 2025-06-17/2025-06-18
        from Tuesday 17 to Wednesday 18 June 2025 = 2025-06-17/2025-06-18
        between 17 and 25 June 2025 = 2025-06-17/2025-06-25
        On June 17 to 18, 2025, = 2025-06-17/2025-06-18
        June 17–18, 2025 = 2025-06-17/2025-06-18
        Nov. 16-18, 2005 = 2005-11-16/2005-11-18
        June 17 and 18, 2025 = 2025-06-17/2025-06-18
        30 June – 2 July 2025 = 2025-06-30/2025-07-02
        30 June to 2 July 2025 = 2025-06-30/2025-07-02
        June 30 – July 2, 2025 = 2025-06-30/2025-07-02
        30 December 2024 – 2 January 2025 = 2024-12-30/2025-01-02
        30 June and 1 July 2025 = 2025-06-30/2025-07-01
        17 and 20 June 2025 = 2025-06-17 2025-06-20
        June 17 and 20, 2025 = 2025-06-17 2025-06-20
        3, 17 and 20 June 2025 = 2025-06-03 2025-06-17 2025-06-20
        In May 2025 the = 2025-05
        July, 2024 = 2024-07
        Sept. 2025 = 2025-09
        December 2024 – January 2025 = 2024-12/2025-01
        May–June 2025 = 2025-05/2025-06
        May and June 2025 = 2025-05/2025-06
        March and May 2025 = 2025-03 2025-05
        In 2017, the project = 2017
        since 2018 = 2018
        by 2030 = 2030
        mid-2025 = 2025
        early 2025 = 2025
        the year 2025 = 2025
        in 2004 and 2016, = 2004 2016
        in 2004, 2009 and 2016 = 2004 2009 2016
        from 2018 to 2020 = 2018/2020
        between 2018 and 2020 = 2018/2020
        for 2022–2023 was adopted = 2022/2023
        the years 2022-2025 = 2022/2025
        Action Plan 2022–2023 = 2022/2023
        (2022–2023) = 2022/2023
        the 2009 Agreement among = 2009
        its 2025 summit = 2025
        in 2024/2025 = 2024/2025
        Done on 20 May 2025. = 2025-05-20
        (11 December 2003, Geneva) = 2003-12-11
        “20 May 2025” = 2025-05-20
        on 20 May 2025 12 ministers = 2025-05-20
        Session 3 – 2 June 2025 = 2025-06-02
        Day 1 – 17 June 2025 = 2025-06-17
        COVID-19 March 2025 = 2025-03
        in the autumn of 2026. = 2026-23
        spring 2021 = 2021-21
        Spring 2021 = 2021-21
        late summer of 2025 = 2025-22
        in winter 2025 = 2025-24
        in the fall of 2025 = 2025-23
        in fall 2025 = 2025-23
        winter 2024/25 = 2024-24
        the winter of 2024–2025 = 2024-24
        spring and summer of 2025 = 2025-21/2025-22
        spring–summer 2025 = 2025-21/2025-22
        spring and autumn 2025 = 2025-21 2025-23
        winter 2024 – spring 2025 = 2024-24/2025-21
        the Arab Spring of 2011 = 2011
        the 2025 Spring Meetings = 2025
        first half of 2028 = 2028-01/2028-06
        the second half of the year 2028 = 2028-07/2028-12
        third quarter of 2026 = 2026-07/2026-09
        the 3rd quarter of 2026 = 2026-07/2026-09
        fourth quarter 2026 = 2026-10/2026-12
        the first and second quarters of 2026 = 2026-01/2026-06
        the first and third quarters of 2026 = 2026-01/2026-03 2026-07/2026-09
        from the fourth quarter of 2026 = 2026-10/2026-12
        in Q3 2026 = 2026-07/2026-09
        Q3 of 2026 = 2026-07/2026-09
        (Q1–Q3 2026) = 2026-01/2026-09
        by Q4 2025 = 2025-10/2025-12
        2026 Q3 = 2026-07/2026-09
        H1 2028 = 2028-01/2028-06
        the last quarter of 2026 = 2026
        3 quarters of 2025 = 2025
        2023–2025 National Action Plan = 2023/2025
        first half of 2025/2026 = 2025/2026
        the first week of October 2025 = 2025-10
        end of October 2025 = 2025-10
        the end of the year 2025 = 2025
        by the end of 2026 = 2026
        the 2023–2025 term = 2023/2025
        the 2023-2025 period = 2023/2025
        for the period 2023-2025 = 2023/2025
        2022–2023 Action Plan = 2022/2023
    """,
    "numbers": """
        2025-05-20 = 2025-05-20
        2025-05-20T10:00:00Z = 2025-05-20
        09:12 / 2022-10-27 = 2022-10-27
        2025-06-17/2025-06-18 = 2025-06-17/2025-06-18
        2025-06-17 – 2025-06-18 = 2025-06-17/2025-06-18
        2025/05/20 = 2025-05-20
        2025.05.20 = 2025-05-20
        20.05.2025 = 2025-05-20
        20.05.2025. = 2025-05-20
        20.05.2025 г. = 2025-05-20
        20.05.2025г. = 2025-05-20
        (11.12.2003, Geneva) = 2003-12-11
        5.6.2025 = 2025-06-05
        05.20.2025 = 2025-05-20
        20/05/2025 = 2025-05-20
        05/20/2025 = 2025-05-20
        05/05/2025 = 2025-05-05
        20-05-2025 = 2025-05-20
        17.06.2025–18.06.2025 = 2025-06-17/2025-06-18
        с 17.06.2025 по 18.06.2025 = 2025-06-17/2025-06-18
        17.06–18.06.2025 = 2025-06-17/2025-06-18
        17-18.06.2025 = 2025-06-17/2025-06-18
    """,
    "Russian": """
        20 мая 2025 года = 2025-05-20
        20 мая 2025 г. = 2025-05-20
        20 мая 2025г. = 2025-05-20
        20 мая 2025 = 2025-05-20
        20 МАЯ 2025 ГОДА = 2025-05-20
        20-го мая 2025 года = 2025-05-20
        1-е июня 2025 года = 2025-06-01
        вторник, 20 мая 2025 года = 2025-05-20
        3 окт. 2025 г. = 2025-10-03
        с 17 по 18 июня 2025 года = 2025-06-17/2025-06-18
        17–18 июня 2025 г. = 2025-06-17/2025-06-18
        14 – 17 октября 2025 г. состоялся = 2025-10-14/2025-10-17
        17 и 18 июня 2025 года = 2025-06-17/2025-06-18
        с 30 июня по 2 июля 2025 года = 2025-06-30/2025-07-02
        30 июня – 2 июля 2025 года = 2025-06-30/2025-07-02
        30 декабря 2024 года – 2 января 2025 года = 2024-12-30/2025-01-02
        17 и 20 июня 2025 года = 2025-06-17 2025-06-20
        в мае 2025 года = 2025-05
        в октябре 2025 г. белорусской = 2025-10
        декабрь 2024 – январь 2025 = 2024-12/2025-01
        в 2025 году = 2025
        до 2030 г. = 2030
        2025 год = 2025
        в 2025-м году = 2025
        2018–2020 годы = 2018/2020
        в 2026-2028 годах = 2026/2028
        на 2022–2023 гг. = 2022/2023
        с 2018 по 2020 год = 2018/2020
        в 2004, 2005 и 2016 годах = 2004 2005 2016
        весной 2027 года = 2027-21
        летом 2025 г. = 2025-22
        осенью 2025-го = 2025-23
        осень 2025 года = 2025-23
        зимой 2024–2025 годов = 2024-24
        весной и летом 2025 года = 2025-21/2025-22
        Арабская весна 2011 года = 2011
        к концу 2026-го = 2026
        во втором полугодии 2026 года = 2026-07/2026-12
        в первой половине 2026 года = 2026-01/2026-06
        III квартал 2026 года = 2026-07/2026-09
        за IV квартал 2026 г. = 2026-10/2026-12
        в 3-м квартале 2026 года = 2026-07/2026-09
        3 квартал 2026 года = 2026-07/2026-09
        третий квартал 2026-го = 2026-07/2026-09
        I–III кварталы 2026 года = 2026-01/2026-09
        за 3 квартала 2026 года = 2026
        I полугодие 2026 года = 2026-01/2026-06
        в другой половине 2026 года = 2026
        в 2025-м председательствовала = 2025
        к 2030-му = 2030
        с 2018-го по 2020-й = 2018/2020
        2024-й год = 2024
        2024-го года = 2024
        в начале 2024-го года = 2024
        до конца 2026 года = 2026
        в первую неделю октября 2025 года = 2025-10
        на период 2023-2025 = 2023/2025
        план 2023-2025 = 2023/2025
        2023-2025 годы = 2023/2025
    """,
    "Belarusian": """
        20 мая 2025 года = 2025-05-20
        7 лютага 2025 г. = 2025-02-07
        28 студзеня 2026 года = 2026-01-28
        з 17 па 18 чэрвеня 2025 года = 2025-06-17/2025-06-18
        17 і 18 ліпеня 2025 года = 2025-07-17/2025-07-18
        3 снежня 2025 = 2025-12-03
        у жніўні 2025 года = 2025-08
        у лістападзе 2009 г. = 2009-11
        у 2025 годзе = 2025
        2022–2025 гады = 2022/2025
        вясной 2027 года = 2027-21
        увосень 2027 года = 2027
        восенню 2027 года = 2027-23
        у другім паўгоддзі 2026 года = 2026-07/2026-12
        у трэцім квартале 2026 года = 2026-07/2026-09
        у другой палове 2026 года = 2026-07/2026-12
        ІІ квартал 2026 года = 2026-04/2026-06
        у 2025-м = 2025
    """,
    "Turkish": """
        20 Mayıs 2025 = 2025-05-20
        20 Mayıs 2025'te = 2025-05-20
        20 Mayıs 2025’te = 2025-05-20
        20 MAYIS 2025 = 2025-05-20
        20 Mayıs 2025 Salı = 2025-05-20
        20 Mayıs 2025 tarihinde = 2025-05-20
        3 Şubat 2025 = 2025-02-03
        3 Aralık 2025 = 2025-12-03
        17-18 Haziran 2025'te = 2025-06-17/2025-06-18
        17-18 Haziran 2025 tarihlerinde = 2025-06-17/2025-06-18
        17 ve 18 Haziran 2025 = 2025-06-17/2025-06-18
        17 ila 18 Haziran 2025 = 2025-06-17/2025-06-18
        30 Haziran-2 Temmuz 2025 = 2025-06-30/2025-07-02
        Mayıs 2025'te = 2025-05
        2025 Mayıs ayında = 2025-05
        2025 yılının Mayıs ayında = 2025-05
        2025 yılında = 2025
        2025'te = 2025
        2012'den beri = 2012
        2022-2023 yıllarında = 2022/2023
        2027 ilkbaharında = 2027-21
        2027 yılının ilkbaharında = 2027-21
        2027'nin sonbaharında = 2027-23
        2026 yazında = 2026-22
        2026 yılı kışında = 2026-24
        2026'nın yazında = 2026-22
        2028 yılının ilk yarısında = 2028-01/2028-06
        2028'in ikinci yarısı = 2028-07/2028-12
        2026 yılının üçüncü çeyreğinde = 2026-07/2026-09
        2026 yılının 3. çeyreğinde = 2026-07/2026-09
        2023-2025 döneminde = 2023/2025
        2023–2025 yılları = 2023/2025
        2025 yılı sonuna kadar = 2025
        2025 Eylülde = 2025-09
    """,
    "Azerbaijani": """
        20 may 2025-ci il = 2025-05-20
        20 may 2025-ci il tarixində = 2025-05-20
        2025-ci il mayın 20-də = 2025-05-20
        2025-ci il 20 may tarixində = 2025-05-20
        2025-ci il iyunun 17-18-də = 2025-06-17/2025-06-18
        17-18 iyun 2025-ci il tarixlərində = 2025-06-17/2025-06-18
        3 oktyabr 2025-ci ildə = 2025-10-03
        2025-ci ilin may ayında = 2025-05
        2025-ci ildə = 2025
        2022-2023-cü illərdə = 2022/2023
        2027-ci ilin yazında = 2027-21
        2027-ci ilin yayında = 2027-22
        2027-ci ilin payızında = 2027-23
        2028-ci ilin birinci yarısında = 2028-01/2028-06
        2028-ci ilin dördüncü rübündə = 2028-10/2028-12
        2025-ci ilin sonuna qədər = 2025
        2023-2025-ci illər = 2023/2025
    """,
    "Uzbek": """
        2025-yil 20-may = 2025-05-20
        2025-yil 20-may kuni = 2025-05-20
        2025 yil 20 may = 2025-05-20
        2025-yilning 20-mayida = 2025-05-20
        2025-yil 17–18-iyun kunlari = 2025-06-17/2025-06-18
        2025-yil 17-iyundan 18-iyungacha = 2025-06-17/2025-06-18
        2025-yil 30-iyun – 2-iyul = 2025-06-30/2025-07-02
        2025-yil may oyida = 2025-05
        2025-yilda = 2025
        2022–2023-yillarda = 2022/2023
        2025 йил 20 май = 2025-05-20
        2025 йил 20 май куни = 2025-05-20
        2025 йилнинг 20 майида = 2025-05-20
        2025 йил 17-18 июнь кунлари = 2025-06-17/2025-06-18
        2025 йил май ойида = 2025-05
        2025 йилда = 2025
        2022–2023 йилларда = 2022/2023
        2027-yil bahorida = 2027-21
        2027-yilning kuzida = 2027-23
        2028-yilning birinchi yarmida = 2028-01/2028-06
        2028-yilning ikkinchi yarim yilligida = 2028-07/2028-12
        2028-yil III choragida = 2028-07/2028-09
        2028-yilning 3-choragida = 2028-07/2028-09
        2025-yil oxirigacha = 2025
        2027 йил баҳорида = 2027-21
        2028 йилнинг биринчи ярмида = 2028-01/2028-06
    """,
    "Kazakh": """
        2025 жылғы 20 мамыр = 2025-05-20
        2025 жылғы 20 мамырда = 2025-05-20
        2025 жылдың 20 мамырында = 2025-05-20
        2025 ж. 20 мамыр = 2025-05-20
        20 мамыр 2025 жыл = 2025-05-20
        2025 жылғы мамырдың 20-сында = 2025-05-20
        2025 жылғы 17–18 маусым = 2025-06-17/2025-06-18
        2025 жылғы 17 және 18 маусымда = 2025-06-17/2025-06-18
        2025 жылдың 5-6 қарашасында = 2025-11-05/2025-11-06
        2025 жылғы қазан = 2025-10
        2025 жылғы мамыр айында = 2025-05
        2025 жылы = 2025
        2022-2023 жылдары = 2022/2023
        2027 жылғы көктемде = 2027-21
        2027 жылдың жазында = 2027-22
        2027 жылдың күзінде = 2027-23
        2027 жылы жазда = 2027
        2028 жылдың бірінші жартысында = 2028-01/2028-06
        2028 жылдың үшінші тоқсанында = 2028-07/2028-09
        2025 жылдың соңына дейін = 2025
    """,
    "Kyrgyz": """
        2025-жылдын 20-майы = 2025-05-20
        2025-жылдын 20-майында = 2025-05-20
        2025-жылы 20-майда = 2025-05-20
        2025-ж. 20-май = 2025-05-20
        2025-жылдын 17-18-июну = 2025-06-17/2025-06-18
        2025-жылдын 17 жана 18-июнунда = 2025-06-17/2025-06-18
        2025-жылдын май айында = 2025-05
        2025-жылы = 2025
        2022-2023-жылдары = 2022/2023
        2027-жылдын жазында = 2027-21
        2027-жылдын жайында = 2027-22
        2027-жылдын күзүндө = 2027-23
        2028-жылдын биринчи жарымында = 2028-01/2028-06
        2028-жылдын үчүнчү чейрегинде = 2028-07/2028-09
    """,
    "Arabic": """
        20 مايو 2025 = 2025-05-20
        ٢٠ مايو ٢٠٢٥ = 2025-05-20
        20 أيار 2025 = 2025-05-20
        20 أيار/مايو 2025 = 2025-05-20
        20 أيار (مايو) 2025 = 2025-05-20
        15 تشرين الأول 2025 = 2025-10-15
        15 تشرين الأول/أكتوبر 2025 = 2025-10-15
        3 كانون الثاني 2025 = 2025-01-03
        20 من مايو 2025 = 2025-05-20
        20 من شهر مايو من عام 2025 = 2025-05-20
        الثلاثاء 20 مايو 2025 = 2025-05-20
        20 مايو 2025م = 2025-05-20
        20 مايو، 2025 = 2025-05-20
        20 أيّار 2025 = 2025-05-20
        3 ابريل 2025 = 2025-04-03
        3 غشت 2025 = 2025-08-03
        20\u200f/5\u200f/2025 = 2025-05-20
        من 17 إلى 18 يونيو 2025 = 2025-06-17/2025-06-18
        17 و18 يونيو 2025 = 2025-06-17/2025-06-18
        17-18 يونيو 2025 = 2025-06-17/2025-06-18
        من 30 يونيو إلى 2 يوليو 2025 = 2025-06-30/2025-07-02
        في مايو 2025 = 2025-05
        لمايو 2025 = 2025-05
        في أيار/مايو 2025 = 2025-05
        في عام 2025 = 2025
        لعام 2025 = 2025
        منذ 2018 = 2018
        بين عامي 2024 و2026 = 2024/2026
        الأعوام 2022-2025 = 2022/2025
        في الأول من أكتوبر 2025 = 2025-10-01
        الأول من أكتوبر 2025 = 2025-10-01
        يوم الثاني من شهر مايو من عام 2025 = 2025-05-02
        في الثالث عشر من تشرين الأول 2025 = 2025-10-13
        في الحادي والعشرين من أكتوبر/تشرين الأول 2025 = 2025-10-21
        في الثلاثين من يونيو 2025 = 2025-06-30
        من الأول إلى الثالث من أكتوبر 2025 = 2025-10-01/2025-10-03
        من الثلاثين من يونيو إلى الثاني من يوليو 2025 = 2025-06-30/2025-07-02
        في اليوم الأول من أكتوبر 2025 = 2025-10-01
        الأسبوع الأول من أكتوبر 2025 = 2025-10
        الثلاثاء الأول من أكتوبر 2025 = 2025-10
        صدر البيان المشترك في القاهرة بتاريخ 11/01/2026 = 2026-01-11
        صدر البيان المشترك في القاهرة بتاريخ 5-6-2026 = 2026-06-05
        ربيع 2027 = 2027-21
        في خريف عام 2027 = 2027-23
        بصيف العام 2027 = 2027-22
        الربيع العربي عام 2011 = 2011
        النصف الأول من عام 2028 = 2028-01/2028-06
        في النصف الثاني لعام 2028 = 2028-07/2028-12
        الربع الثالث من 2026 = 2026-07/2026-09
        نهاية العام 2025 = 2025
        الفترة من 2022 إلى 2025 = 2022/2025
    """,
    "Chinese": """
        2025年5月20日 = 2025-05-20
        2025年5月20号 = 2025-05-20
        2025 年 5 月 20 日 = 2025-05-20
        ２０２５年５月２０日 = 2025-05-20
        二〇二五年五月二十日 = 2025-05-20
        二零二五年十一月三十日 = 2025-11-30
        于2025年5月20日在北京 = 2025-05-20
        2025年6月17日至18日 = 2025-06-17/2025-06-18
        2025年6月17-18日 = 2025-06-17/2025-06-18
        2025年6月17日和18日 = 2025-06-17/2025-06-18
        2025年6月17日（星期二）至18日（星期三） = 2025-06-17/2025-06-18
        2025年6月30日至7月2日 = 2025-06-30/2025-07-02
        2024年12月30日至2025年1月2日 = 2024-12-30/2025-01-02
        2025年5月 = 2025-05
        2025年5月至6月 = 2025-05/2025-06
        2024年12月至2025年1月 = 2024-12/2025-01
        2025年 = 2025
        2025年以来 = 2025
        2022—2023年 = 2022/2023
        2022年至2023年 = 2022/2023
        2027年春季 = 2027-21
        2027年秋天 = 2027-23
        2026年冬季奥运会 = 2026
        2027年春节 = 2027
        2028年上半年 = 2028-01/2028-06
        二〇二八年下半年 = 2028-07/2028-12
        2026年第三季度 = 2026-07/2026-09
        2026年三季度 = 2026-07/2026-09
        2026年第1季度至第3季度 = 2026-01/2026-09
        2026年前三季度 = 2026
        2026年Q3 = 2026-07/2026-09
        2025年年底 = 2025
        2025年底前 = 2025
        2023-2025年期间 = 2023/2025
    """,
    "French": """
        20 mai 2025 = 2025-05-20
        1er juin 2025 = 2025-06-01
        du 17 au 18 juin 2025 = 2025-06-17/2025-06-18
        le 3 août 2025 = 2025-08-03
        en juin 2025 = 2025-06
        en 2025 = 2025
        les années 2022-2025 = 2022/2025
        au printemps 2027 = 2027-21
        l'été 2027 = 2027-22
        l’hiver 2026-2027 = 2026-24
        à l'automne de 2027 = 2027-23
        premier semestre 2028 = 2028-01/2028-06
        1er semestre 2028 = 2028-01/2028-06
        2e trimestre 2028 = 2028-04/2028-06
        troisième trimestre de 2028 = 2028-07/2028-09
        la fin de l'année 2025 = 2025
    """,
}
"""For each language what is printed, and the EDTF dates that it states."""

OPEN = """
    20 May = year --05-20
    May 20 = year --05-20
    on Tuesday, 20 May, = year --05-20
    29 February = year --02-29
    27–28 July = year --07-27/--07-28
    July 27 and 28 = year --07-27/--07-28
    30 June – 2 July = year --06-30/--07-02
    30 December – 2 January 2025 = year --12-30/--01-02
    in November this year = year --11
    17 и 18 июня = year --06-17/--06-18
    с 17 по 18 июня с.г. = year --06-17/--06-18
    28 января текущего года = year --01-28
    28 студзеня = year --01-28
    20 Mayıs'ta = year --05-20
    Mayıs ayında = year --05
    17 Haziran'dan 18 Haziran'a kadar = year --06-17/--06-18
    mayın 20-də = year --05-20
    20-may kuni = year --05-20
    20 may tarixində = year --05-20
    20 мамырда = year --05-20
    мамырдың 20-сы = year --05-20
    20-майда = year --05-20
    май айында = year --05
    20 مايو = year --05-20
    5 من نوفمبر الجاري = year --11-05
    في 17 و18 يونيو = year --06-17/--06-18
    5月20日 = year --05-20
    6月17日至18日 = year --06-17/--06-18
    今年5月20日 = year --05-20
    五月 = year --05
    20 mai = year --05-20
    the first week of October; = year --10
    the first half of October = year --10
    the end of October = year --10
    the first week of October this year = year --10
    в первую неделю октября = year --10
    в конце октября = year --10
    الأسبوع الأول من أكتوبر = year --10
    نهاية أكتوبر = year --10
    الأول من أكتوبر = year --10-01
    الثالث والثلاثون من مايو 2025 = day
    oktyabrın birinci həftəsində = year --10
    октябрдын биринчи жумасында = year --10
    10月第一周 = year --10
    10月底 = year --10
    Eylülde yapay = year --09
    Mayısta = year --05
    Ekimde = year --10
    sentyabrda = year --09
    oktabrda = year --10
    қыркүйекте = year --09
    20 Eylülde = year --09-20
    end of this year = relative
    the end of the year = relative
    by year-end = relative
    this spring = relative
    the autumn of this year = relative
    the second half of this year = relative
    до конца года = relative
    в конце этого года = relative
    прошлой весной = relative
    осенью текущего года = relative
    во втором полугодии текущего года = relative
    да канца года = relative
    bu yılın sonunda = relative
    yıl sonuna kadar = relative
    bu yılın ikinci yarısında = relative
    ilin sonuna qədər = relative
    yil oxirigacha = relative
    жыл соңына дейін = relative
    жыл аягына чейин = relative
    بنهاية العام الجاري = relative
    قبل نهاية هذا العام = relative
    في خريف العام المقبل = relative
    الأسبوع المقبل = relative
    今年年底 = relative
    今年底 = relative
    年底前 = relative
    本月底 = relative
    今年上半年 = relative
    明年春季 = relative
    明年第一季度 = relative
    fin de l'année = relative
    Today, = relative
    yesterday = relative
    last year = relative
    next week = relative
    сегодня = relative
    вчера = relative
    в прошлом году = relative
    на прошлой неделе = relative
    сёння = relative
    bugün = relative
    geçen yıl = relative
    dünən = relative
    bugun = relative
    бүгін = relative
    былтыр = relative
    кечээ = relative
    أمس = relative
    العام الماضي = relative
    هذا العام = relative
    昨天 = relative
    去年 = relative
    05/06/2025 = order
    5/6/2025 = order
    05-06-2025 = order
    18–17 June 2025 = order
    31 June 2025 = day
    30 февраля 2025 года = day
    29 February 2025 = day
    31.06.2025 = day
    2025-02-30 = day
    31 June = day
"""
"""What is printed, the question that is left, and what is known."""

NO_DATES = """
    Resolution 2341
    resolution 70/125
    ISO 27001
    ISO/IEC 27001:2022
    document 2024/1
    1500 participants attended
    in 2000 villages
    for 2000 people
    in 2000 MHz
    SCO-2025
    GITEX 2025
    5G and 2025 MW
    2025
    +998 71 2025
    192.168.10.2025
    20.5 percent
    at 10:20
    at 18:30
    version 1.2.2025.4
    2025-05-20-001
    32.05.2025
    20.20.2025
    Countries may join
    They may 20 times
    Article 20 may be amended
    which may, 2025 times or not
    the march of progress
    they march 20 km
    Mars 2020
    in May
    In June 20 countries
    August leaders
    G20
    G20 summit
    COVID-19
    page 5
    Articles 5 and 6
    17-18
    5 market
    20 marketing plans
    Augustus 14
    the Mayor 20
    10 000 000
    1,500
    2,025
    $2025
    2025 %
    in 2025%
    the second of three
    сто рублей, 2000 р.
    майор 20
    Статья 20
    30 дней
    5 лет
    Marta 5
    Martin 5
    3 ülke
    il 20
    5 марток
    عشرون دولة
    اليوم الوطني
    اليوم العالمي
    5个月
    3日内
    五年
    5年
    第20条
    Seasons Hotel 2025
    Four Seasons 2025
    Spring Hotel 2025
    Moscow Spring 2025
    they fall 2025 times
    prices fall 2025
    autumn
    in spring 20 countries
    half of 2025 participants
    first half of the 2025 season
    3-quarter 2025
    2x quarter 2025
    8c338e23-dec3-51dd
    8c338de23-dec3-51dd
    в 2025-й школе
    the first half of 2025 participants
    the first half of the match
    the first of three
    first 2025
    the third quarter
    quarter 2025
    Audi Q3 2025
    the new Q3 2025
    the Q3 2025 car
    Audi 2025 Q3
    Q3
    Q7 2025
    H3 2025
    H1N1 2009
    at the end of the day
    end of the session
    the second week
    1990s
    в 1990-х годах
    2010-е годы
    2025-й
    2000th participant
    весной
    20 лет 2025
    в конце заседания
    половина 2025 участников
    вторая половина
    ocakta
    ekimde
    mayda
    майда
    қазанда
    bahar 2025
    5 yıl sonunda
    في الربع الأول
    الاجتماع الأول من نوعه
    ربيع الأول 1446
    الحادي عشر
    وصيف 2025
    春节
    长春
    上半年
    第三季度
    a été 2025 fois
    2023-2025
    https://example.org/2025/05/20/news
    https://example.org/node/11088
    1 1 1 1
    20 20
    2025 2026
    17.
    -
    may
"""
"""Texts without a date."""


def cases(table: str) -> list[tuple[str, list[str]]]:
    lines = (line.strip().rsplit(" = ", maxsplit=1) for line in table.strip().splitlines())
    return [(text, expected.split()) for text, expected in lines]


ALL_STATED = [(language, *case) for language, table in STATED.items() for case in cases(table)]
PRINTED = [text for _, text, _ in ALL_STATED] + [text for text, _ in cases(OPEN)]


@pytest.mark.parametrize(("language", "text", "expected"), ALL_STATED)
def test_a_date_states_what_is_printed(language: str, text: str, expected: list[str]) -> None:
    found = dates_in(text)
    assert [each.edtf for each in found] == expected, language
    assert all(each.question is None and each.partial is None for each in found)


@pytest.mark.parametrize(("text", "expected"), cases(OPEN))
def test_what_a_text_leaves_open_is_a_question(text: str, expected: list[str]) -> None:
    [found] = dates_in(text)
    assert found.edtf is None
    assert [found.question, *([found.partial] if found.partial else [])] == expected


@pytest.mark.parametrize("text", [line.strip() for line in NO_DATES.strip().splitlines()])
def test_other_numbers_and_words_are_no_dates(text: str) -> None:
    assert dates_in(text) == []


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("Opened on Tuesday, 20 May 2025, in Minsk", ["Tuesday, 20 May 2025"]),
        ("Held from 17 to 18 June 2025.", ["17 to 18 June 2025"]),
        ("в 2004 и 2016 годах", ["2004", "2016 годах"]),
        ("состоялась 20 мая 2025 г. в Минске", ["20 мая 2025 г."]),
        ("20 Mayıs 2025'te imzalandı", ["20 Mayıs 2025"]),
        ("于2025年5月20日在北京", ["2025年5月20日"]),
        ("في نوفمبر/تشرين الثاني 2025", ["نوفمبر/تشرين الثاني 2025"]),
        ("17 and 20 June 2025", ["17", "20 June 2025"]),
        ("In 2017 and on 3 May 2018, then 4 June", ["2017", "3 May 2018", "4 June"]),
        ("20 May 2025\n\n21 May 2025", ["20 May 2025", "21 May 2025"]),
        ("signed on 20 May\n2025", ["20 May\n2025"]),
        ("20 May\n\n2025 was", ["20 May"]),
        ("30 December 2024 – 2 January", ["30 December 2024", "2 January"]),
        ("30 June and 5 July 2025", ["30 June", "5 July 2025"]),
        ("план на 2025 год 20 мая утверждён", ["2025 год", "20 мая"]),
    ],
)
def test_a_date_is_quoted_as_printed(text: str, printed: list[str]) -> None:
    assert [each.text for each in dates_in(text)] == printed


def test_a_year_is_never_taken_from_another_date() -> None:
    assert [each.edtf for each in dates_in("On 3 May 2025 they met. On 4 May they signed.")] == ["2025-05-03", None]


def check(text: str, found: list[Date]) -> None:
    """What is true of any text."""
    end = 0
    for each in found:
        assert end <= each.start < each.end <= len(text)
        assert each.text == text[each.start : each.end]
        assert (each.edtf is None) == (each.question is not None)
        assert each.question in {None, YEAR, RELATIVE, ORDER, DAY}
        assert (each.partial is not None) == (each.question == YEAR)
        if each.edtf:
            edtf.bounds(each.edtf)
        if each.partial:
            edtf.bounds(each.partial.replace("--", "2000-", 1).replace("--", "2001-"))
        end = each.end


GRAMMAR = """
    spring весной yazında kışında Q H first III третий half quarter квартал тоқсан week end конца sonu الأول الثالث عشر
    والعشرين ربيع النصف الأسبوع نهاية 上半年 春季 季度 第 底 Eylülde period -м
    1 9 17 18 30 31 32 2025 2026 1500 ٢٠ 二十 May may june March Mayıs may. mayın мая май мамырдың مايو تشرين الأول 年 月 日 至
    今年 and to from in the г. года -ci il yil жылғы ayında this year today с.г. Tuesday , . - – / : ' ( ) th 'te K page No.
"""
WORDS = st.sampled_from(GRAMMAR.split())
PIECES = st.lists(st.one_of(WORDS, st.sampled_from([" ", " ", " ", "\n", "\u200f", "\u00a0"])), max_size=40).map("".join)


@many
@given(st.one_of(st.text(), PIECES, st.lists(WORDS, max_size=30).map(" ".join)))
@example("\ud800 20 May 2025 \udfff")
@example("\x00\u200b" * 9)
@example("²0 May ²025")
@example("9" * 5000)
def test_any_text_is_read(text: str) -> None:
    check(text, dates_in(text))


@many
@given(PIECES)
def test_the_quick_look_misses_nothing(text: str) -> None:
    cut = dates._Text(text)
    found = dates_in(text)
    for place, form in product(range(len(cut.parts)), chain.from_iterable(dates._FORMS.values())):
        match = form.match(cut.symbols, place)
        for each in dates._read(dates._Match(cut, match, match.groupdict())) if match else ():
            assert any(each.start < other.end and other.start < each.end for other in found), each


@pytest.mark.parametrize("text", PRINTED)
def test_other_words_around_change_nothing(text: str) -> None:
    alone = dates_in(text)
    for before, after in [("Заседание прошло: ", "; далее обед"), ("Minsk\n\n", "\n\nMinsk"), ("(", ")"), ("会议：", "。")]:
        shifted = dates_in(before + text + after)
        assert [each[2:] for each in shifted] == [each[2:] for each in alone]
        assert [each.start - len(before) for each in shifted] == [each.start for each in alone]


@pytest.mark.parametrize("text", PRINTED)
def test_blanks_and_letters_may_be_written_otherwise(text: str) -> None:
    expected = [(each.edtf, each.question, each.partial) for each in dates_in(text)]
    for other in (
        text.replace(" ", "\u00a0"),
        normalize("NFD", text),
        normalize("NFC", text),
        text.replace(" ", "\u200f \u200b"),
    ):
        assert [(each.edtf, each.question, each.partial) for each in dates_in(other)] == expected


days = st.dates(date(1800, 1, 1), date(2099, 12, 31))
LOCALES = ["en", "ru", "be", "tr", "az", "ar", "ar_LB", "ar_MA", "ar_DZ", "zh", "uz", "uz_Cyrl", "kk", "ky", "fr"]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("length", ["full", "long"])
@settings(derandomize=True, deadline=None, max_examples=60)
@given(days)
def test_a_day_as_the_unicode_consortium_writes_it_is_read_back(length: Any, locale: str, day: date) -> None:
    printed = format_date(day, format=length, locale=locale)
    assert [each.edtf for each in dates_in(f"— {printed} —")] == [day.isoformat()], printed


RANGES: dict[str, str] = {
    "en": "from {0} to {1} {month} {year}",
    "ru": "с {0} по {1} {month} {year} года",
    "be": "{0} і {1} {month} {year} года",
    "tr": "{0}-{1} {month} {year} tarihlerinde",
    "az": "{0}-{1} {month} {year}-ci il",
    "uz": "{year}-yil {0}-{1}-{month} kunlari",
    "uz_Cyrl": "{year} йил {0}–{1} {month} кунлари",
    "kk": "{year} жылғы {0}–{1} {month}",
    "ky": "{year}-жылдын {0}-{1}-{month}",
    "ar": "من {0} إلى {1} {month} {year}",
    "ar_LB": "بين {0} و{1} {month} {year}",
    "fr": "du {0} au {1} {month} {year}",
}


@pytest.mark.parametrize("locale", RANGES)
@settings(derandomize=True, deadline=None, max_examples=60)
@given(days)
def test_two_days_of_a_month_are_an_interval(locale: str, day: date) -> None:
    next_day = day + timedelta(1)
    if day.month != next_day.month:
        return
    named = format_date(day, format="MMMM", locale=locale)
    printed = RANGES[locale].format(day.day, next_day.day, month=named, year=day.year)
    assert [each.edtf for each in dates_in(printed)] == [f"{day}/{next_day}"], printed


@pytest.mark.parametrize("locale", [locale for locale in LOCALES if locale != "zh"])
@pytest.mark.parametrize("number", range(1, 13))
def test_the_names_of_the_months_are_those_of_the_unicode_consortium(number: int, locale: str) -> None:
    named = month(format_date(date(2025, number, 1), format="MMMM", locale=locale))
    assert named is not None
    assert named.number == number


def _operations(read: Callable[[], object]) -> int:
    """How many calls and returns of functions a reading takes."""
    count = 0

    def counting(_frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal count
        count += 1

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        read()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize(
    "piece",
    [
        "1 ",
        "1",
        "May ",
        "may ",
        " ",
        "\n",
        "1 May ",
        "1 and ",
        "17, ",
        "1/",
        "2025, ",
        "in 2025 ",
        "2025-",
        "today ",
        "May - ",
        "十月",
        "年",
        "Mon 1 ",
        "31 June 2025 ",
        "18–17 June 2025 ",
        "تشرين ",
        "'",
        "17 and 20 June 2025 ",
        "2025-ci il ",
        "mayın 17-",
        "spring ",
        "first ",
        "1 quarter ",
        "first half of ",
        "Q3 ",
        "الأول من ",
        "النصف الأول ",
        "Eylülde ",
        "end ",
        "2025 ilk yarısı ",
        "بتاريخ 11/01/2026 ",
        "第季度",
    ],
)
def test_the_work_grows_with_the_length_of_the_text(piece: str) -> None:
    dates_in(piece * 800)
    once, fourfold = (_operations(lambda times=times: dates_in(piece * times)) for times in (200, 800))  # type: ignore[misc]
    assert fourfold <= 4.1 * once + 20
