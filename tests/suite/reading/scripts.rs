//! One release in scripts that run the other way, or have no spaces.

pub const ORIGINAL: &str = "---
title: Aster goes to six more countries
subtitle: Orders open on 15 January
summary: From January, Aster can be ordered in Egypt, Israel, Japan, China, Taiwan and South Korea.
dateline: Gothenburg
publish: 2026-12-03T10:00[Europe/Stockholm]
status: approved
language: en
audiences: [world]
contacts: [press-office, product]
boilerplate: [halden]
tags: [aster]
media:
  - file: aster-front.jpg
    alt: An orange Aster EV on a coast road, seen from the front
    caption: The Aster EV
    credit: Halden Motors
event:
  starts: 2026-12-10T09:00[Asia/Tokyo]
  ends: 2026-12-10T11:00[Asia/Tokyo]
  place: Minato Hall, Tokyo
---
Halden Motors takes [Aster](https://halden.example/aster) to six more countries.

### What it costs

| Country | Price | First cars |
| --- | ---: | --- |
| Japan | 6,980,000 JPY | June 2027 |
| Egypt | 2,950,000 EGP | July 2027 |

> We were asked for it in languages we could not read.

1. Order from 15 January
2. Drive from June
";

pub const TEXTS: [(&str, &str); 6] = [
    (
        "ar",
        "---
title: سيارة أستر تصل إلى ست دول جديدة
subtitle: يبدأ الحجز في 15 يناير
summary: اعتبارًا من يناير يمكن حجز سيارة Aster EV في مصر وخمس دول أخرى.
dateline: غوتنبرغ
kicker: بيان صحفي
---
تعلن شركة Halden Motors اليوم وصول سيارة [Aster EV](https://halden.example/aster) الكهربائية إلى ست دول جديدة. يبلغ مدى السيارة 620 كم بشحنة واحدة.

## الأسعار

| الدولة | السعر | أولى السيارات |
| --- | ---: | --- |
| مصر | 2,950,000 جنيه | يوليو 2027 |
| اليابان | 6,980,000 ين | يونيو 2027 |

> «طُلبت منا بلغات لم نكن نستطيع قراءتها»، قالت Ingeborg Rask.

1. الحجز من 15 يناير
2. القيادة من يونيو

- شحن من 10 إلى 80% في 19 دقيقة
- بطارية سعتها 78 kWh
",
    ),
    (
        "he",
        "---
title: אסטר מגיעה לשש מדינות נוספות
subtitle: ההזמנות נפתחות ב-15 בינואר
summary: החל מינואר אפשר להזמין את Aster EV בישראל ובחמש מדינות נוספות.
dateline: גטבורג
---
חברת Halden Motors מביאה את [Aster EV](https://halden.example/aster) לשש מדינות נוספות. טווח הנסיעה הוא 620 ק״מ בטעינה אחת.

## המחירים

| מדינה | מחיר | מכוניות ראשונות |
| --- | ---: | --- |
| ישראל | ‎219,000 ₪ | יוני 2027 |

> ״ביקשו אותה מאיתנו בשפות שלא ידענו לקרוא.״

- טעינה מ-10 ל-80 אחוז ב-19 דקות
",
    ),
    (
        "ja",
        "---
title: 電気自動車「Aster EV」、日本など6か国で発売
subtitle: 受注開始は2027年1月15日
summary: 一回の充電で620キロメートルを走る家族向けの電気自動車「Aster EV」が、日本を含む6か国で発売されます。
dateline: 東京
kicker: プレスリリース
---
Halden Motorsは本日、電気自動車「[Aster EV](https://halden.example/aster)」を日本など6か国で発売すると発表しました。
一回の充電で走れる距離は620キロメートルです。電池の容量は78キロワット時で、同じ距離を走るほかの車より小さくなっています。

## 価格

| 国 | 価格 | 納車の開始 |
| --- | ---: | --- |
| 日本 | 698万円 | 2027年6月 |
| エジプト | 295万エジプトポンド | 2027年7月 |

> 「私たちに読めない言葉で、何度もお問い合わせをいただきました」（最高経営責任者、インゲボリ・ラスク）

1. 1月15日から受注
2. 6月から納車
",
    ),
    (
        "zh",
        "---
title: Aster EV 电动汽车进入六个新市场
subtitle: 2027年1月15日开放预订
summary: 自明年1月起，一次充电可行驶620公里的家用电动汽车 Aster EV 将在中国等六个国家和地区开放预订。
dateline: 上海
---
Halden Motors 今日宣布，[Aster EV](https://halden.example/aster) 将进入六个新市场。这款电动汽车一次充电可行驶620公里，
电池容量为78千瓦时，比续航相近的多数车型更小。

## 价格

| 国家 | 价格 | 首批交付 |
| --- | ---: | --- |
| 中国 | 329,000元 | 2027年6月 |

> “人们用我们看不懂的语言向我们询问它。”

- 19分钟内从10%充至80%
",
    ),
    (
        "zh-TW",
        "---
title: Aster EV 電動車進入六個新市場
subtitle: 2027年1月15日開放預訂
summary: 自明年1月起，一次充電可行駛620公里的家用電動車 Aster EV 將在臺灣等六個國家和地區開放預訂。
dateline: 臺北
---
Halden Motors 今日宣布，[Aster EV](https://halden.example/aster) 將進入六個新市場。

- 19分鐘內從10%充至80%
",
    ),
    (
        "ko",
        "---
title: 애스터 EV, 한국 등 6개국에 출시
subtitle: 2027년 1월 15일 주문 시작
summary: 한 번 충전으로 620킬로미터를 달리는 가족용 전기차 애스터 EV를 한국 등 6개국에서 주문할 수 있습니다.
dateline: 서울
---
Halden Motors는 오늘 전기차 [애스터 EV](https://halden.example/aster)를 한국 등 6개국에 출시한다고 밝혔습니다. 한 번 충전으로 620킬로미터를 달립니다.

## 가격

| 나라 | 가격 | 첫 인도 |
| --- | ---: | --- |
| 대한민국 | 6,490만 원 | 2027년 6월 |

- 10퍼센트에서 80퍼센트까지 19분 충전
",
    ),
];
